/**
 * Keeps what this node knows of its cluster, of its own log and of the logs of the others, in the
 * identity record. If the log contradicts the record, the log belongs to another cluster, and the
 * node stops.
 */
import type { Clock } from '@babuza/vfs';
import { RaftError } from '../errors.ts';
import { PassingShortages } from '../support/passing-shortages.ts';
import type { Logger } from '../ports/logger.ts';
import { isBefore, type ClusterIdentity } from './cluster-identity.ts';
import type { IdentityHex } from './hex.ts';
import { encodeIdentityRecord, type IdentityRecord, type KnownMember } from './identity-record.ts';

export interface IdentityKeeperParts {
  readonly record: IdentityRecord;
  /** A random number of this start. */
  readonly run: number;
  /** Durable when it resolves. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger | undefined;
}

export class IdentityKeeper {
  readonly run: number;
  readonly #parts: IdentityKeeperParts;
  readonly #shortages: PassingShortages;
  readonly #stopping = new AbortController();
  #record: IdentityRecord;
  #writing: Promise<void> | undefined;
  #isWriteDue = false;

  constructor(parts: IdentityKeeperParts) {
    this.#parts = parts;
    this.#shortages = new PassingShortages(parts);
    this.#record = parts.record;
    this.run = parts.run;
  }

  get cluster(): ClusterIdentity {
    return this.#record.cluster;
  }

  get logId(): IdentityHex {
    return this.#record.logId;
  }

  get startCount(): number {
    return this.#record.startCount;
  }

  /** Whether origin and birth id are both known. */
  get isSettled(): boolean {
    const { origin, birth } = this.#record.cluster;
    return origin !== undefined && birth !== undefined;
  }

  known(id: bigint): KnownMember | undefined {
    return this.#record.members.get(id);
  }

  /** Written soon; nobody awaits it. */
  remember(id: bigint, member: KnownMember): void {
    const members = new Map(this.#record.members).set(id, member);
    this.#change({ ...this.#record, members });
  }

  forget(id: bigint): void {
    if (!this.#record.members.has(id)) return;
    const members = new Map(this.#record.members);
    members.delete(id);
    this.#change({ ...this.#record, members });
  }

  /**
   * Takes the identity that the log, or an installed snapshot, has at its index. With `isRenewed`
   * the log has just begun a new one.
   *
   * @throws RaftError (`RAFT_OTHER_CLUSTER`) when it contradicts the record.
   */
  learned(next: ClusterIdentity, isRenewed = false): void {
    const cluster = mergedIdentity(this.#record.cluster, next, isRenewed);
    if (isSame(cluster, this.#record.cluster)) return;
    this.#change({ ...this.#record, cluster });
  }

  /** Takes the identity that a leader has told a member that did not know it. */
  adopt(told: Pick<ClusterIdentity, 'origin' | 'birth'>): void {
    this.learned({ ...told, previous: [] });
  }

  /**
   * The log of this node is durable and committed up to this index. It is written with the next
   * change.
   */
  committed(index: number): void {
    if (index <= this.#record.committedIndex) return;
    this.#record = { ...this.#record, committedIndex: index };
  }

  /** Writes the record a last time. Resolves when that has succeeded or failed. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#writing;
    // If this fails, the previous record remains.
    await this.#writeNow().catch(() => undefined);
  }

  #change(record: IdentityRecord): void {
    this.#record = record;
    if (this.#stopping.signal.aborted) return;
    this.#isWriteDue = true;
    this.#writing ??= this.#write();
  }

  /** Changes that come during a write are written together. */
  async #write(): Promise<void> {
    const { signal } = this.#stopping;
    // Defers the write until the call that made the change has returned.
    await Promise.resolve();
    while (this.#isWriteDue) {
      try {
        await this.#shortages.outlast('writing the identity record', signal, () =>
          this.#writeNow(),
        );
      } catch (error) {
        // `stop` writes the record a last time.
        if (signal.aborted) break;
        // The next change writes the whole record again, and a failing disk is reported by the log
        // itself.
        this.#parts.logger?.warn('the identity record could not be written', { error });
      }
    }
    this.#writing = undefined;
  }

  async #writeNow(): Promise<void> {
    this.#isWriteDue = false;
    await this.#parts.write(encodeIdentityRecord(this.#record));
  }
}

/** @throws RaftError (`RAFT_OTHER_CLUSTER`) */
export function mergedIdentity(
  known: ClusterIdentity,
  next: ClusterIdentity,
  isRenewed: boolean,
): ClusterIdentity {
  if (known.birth !== undefined && known.birth === next.birth) {
    const withPrevious = next.previous.length > known.previous.length ? next : known;
    return { ...withPrevious, origin: known.origin ?? next.origin };
  }
  // The log is at a point before the recovery that the record already knows.
  if (isBefore(next, known)) return known;
  if (isRenewed) return next;
  for (const part of ['origin', 'birth'] as const) {
    const [ours, theirs] = [known[part], next[part]];
    if (ours !== undefined && theirs !== undefined && ours !== theirs) {
      throw otherCluster(part, ours, theirs);
    }
  }
  const origin = known.origin ?? next.origin;
  const birth = known.birth ?? next.birth;
  const { previous } = next.previous.length > known.previous.length ? next : known;
  return { origin, birth, previous };
}

function isSame(one: ClusterIdentity, other: ClusterIdentity): boolean {
  return (
    one.origin === other.origin &&
    one.birth === other.birth &&
    one.previous.length === other.previous.length
  );
}

function otherCluster(part: 'origin' | 'birth', known: string, found: string): RaftError {
  return new RaftError(
    'RAFT_OTHER_CLUSTER',
    `the log or a snapshot belongs to another cluster: its ${part} is ${found}, and this node belongs to the cluster with ${part} ${known}. Put back the directory that belongs to this member, or remove the member's id from the cluster and add a new one with an empty directory`,
  );
}
