/**
 * Binds a folder of snapshots to the log that they belong to. The identity record of the folder has
 * the id of that log, how often a node had started on it, which snapshot has a record in the log,
 * and how far the log was committed when the node shut down.
 *
 * The record of the log is written first at each start, and a snapshot record is written before the
 * folder is updated. So a folder that is ahead of the log shows that the log is older than its
 * snapshots.
 */
import { RaftError } from '../errors.ts';
import { parseJson } from '../membership/membership-codec.ts';
import type { SnapshotManager } from '../ports/snapshot-manager.ts';
import { fieldOf } from './cluster-identity.ts';
import { isIdentityHex, type IdentityHex } from './hex.ts';

export interface SnapshotOwner {
  readonly logId: IdentityHex;
  readonly startCount: number;
  /** The newest snapshot with a record in the log; 0 when there was none. */
  readonly recordedIndex: number;
  /** The log was durable and committed up to this index when the record was written. */
  readonly committedIndex: number;
}

const formatVersion = 1;

/** @throws RaftError (`RAFT_STATE_UNREADABLE`) */
export function decodeSnapshotOwner(bytes: Uint8Array): SnapshotOwner {
  const json = parseJson(bytes);
  const logId = fieldOf(json, 'logId');
  const startCount = fieldOf(json, 'startCount');
  const recordedIndex = fieldOf(json, 'recordedIndex');
  const committedIndex = fieldOf(json, 'committedIndex') ?? 0;
  const isKnown = fieldOf(json, 'version') === formatVersion && isIdentityHex(logId);
  if (isKnown && isCount(startCount) && isCount(recordedIndex) && isCount(committedIndex)) {
    return { logId, startCount, recordedIndex, committedIndex };
  }
  throw new RaftError(
    'RAFT_STATE_UNREADABLE',
    `the identity record beside the snapshots cannot be read; this release knows version ${formatVersion}`,
  );
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

export function encodeSnapshotOwner(owner: SnapshotOwner): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ version: formatVersion, ...owner }));
}

/** Whether the folder may still have an older record: a write is under way, or has failed. */
export class SnapshotOwnership {
  readonly #manager: SnapshotManager;
  #owner: SnapshotOwner;
  /** Whether the folder may still have an older record: its write is under way, or has failed. */
  #isWriteDue = false;

  constructor(manager: SnapshotManager, owner: SnapshotOwner) {
    this.#manager = manager;
    this.#owner = owner;
  }

  /** The log is durable and committed up to this index. The record is durable when it resolves. */
  async write(): Promise<void> {
    const owner = this.#owner;
    this.#isWriteDue = true;
    await this.#manager.writeIdentity(encodeSnapshotOwner(owner));
    if (owner === this.#owner) this.#isWriteDue = false;
  }

  /**
   * The snapshot record of this index is durable in the log. The record is durable when it
   * resolves.
   */
  async committed(index: number): Promise<void> {
    const { committedIndex } = this.#owner;
    if (index > committedIndex) await this.#change({ ...this.#owner, committedIndex: index });
    else await this.#writeIfDue();
  }

  /** A failed write is repeated at the next call, even if the indexes have not changed. */
  async recorded(index: number): Promise<void> {
    const { recordedIndex } = this.#owner;
    if (index > recordedIndex) await this.#change({ ...this.#owner, recordedIndex: index });
    else await this.#writeIfDue();
  }

  async #change(owner: SnapshotOwner): Promise<void> {
    this.#owner = owner;
    await this.write();
  }

  /** A write that failed is made again at the next occasion, whatever has become of the indexes. */
  async #writeIfDue(): Promise<void> {
    if (this.#isWriteDue) await this.write();
  }
}
