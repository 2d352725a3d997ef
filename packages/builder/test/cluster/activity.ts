/**
 * The current activity of one process of a node, observed at its log, snapshots, transport and
 * state machine. It counts coincidences and detects forbidden ones.
 */
import type { StoredSnapshot } from '@babuza/raft/ports';
import { EntryType, type SnapshotMetadata } from '@babuza/raftpb';
import type { OpenedWal, SaveBatch, Wal } from '@babuza/wal-core';
import type { Coincidences } from './coincidences.ts';

interface Sending {
  readonly index: number;
  isHeld: boolean;
}

export class Activity {
  readonly #counts: Coincidences;
  readonly #fail: (problem: string) => void;
  readonly #onInstalling: () => void;
  readonly #sends: Sending[] = [];
  /**
   * Snapshots that this process makes or has made, which tells their records in the log from those
   * of received snapshots.
   */
  readonly #made = new Set<string>();
  /** Membership changes in the log. */
  readonly #changes = new Set<number>();
  #committed = 0;
  #applying = 0;
  #making = 0;
  /** The last index that the node has applied. */
  appliedIndex: () => number = () => 0;

  /**
   * `onInstalling` is called when the record of a received snapshot is about to be saved to the
   * log.
   */
  constructor(counts: Coincidences, fail: (problem: string) => void, onInstalling: () => void) {
    this.#counts = counts;
    this.#fail = fail;
    this.#onInstalling = onInstalling;
  }

  async applies<Result>(apply: () => Promise<Result>): Promise<Result> {
    this.#applying += 1;
    try {
      return await apply();
    } finally {
      this.#applying -= 1;
    }
  }

  async makes<Result>(metadata: SnapshotMetadata, make: () => Promise<Result>): Promise<Result> {
    this.#made.add(nameOf(metadata));
    this.#making += 1;
    try {
      return await make();
    } finally {
      this.#making -= 1;
    }
  }

  async sends<Result>({ index }: SnapshotMetadata, send: () => Promise<Result>): Promise<Result> {
    const sending: Sending = { index, isHeld: false };
    this.#sends.push(sending);
    if (this.#sends.length > 1) this.#counts.twoSends += 1;
    try {
      return await send();
    } finally {
      if (this.#sends.length > 1 && this.#sends.at(-1) === sending) {
        this.#counts.overtakingSends += 1;
      }
      this.#sends.splice(this.#sends.indexOf(sending), 1);
    }
  }

  /** Old snapshots were removed; these are left. */
  retained(left: readonly StoredSnapshot[]): void {
    const oldest = left[0]?.metadata.index ?? 0;
    for (const sending of this.#sends) {
      if (sending.index >= oldest || sending.isHeld) continue;
      sending.isHeld = true;
      this.#counts.purgeHeld += 1;
    }
  }

  /** Wraps the log of the node to observe its saves and purges. */
  watched(opened: OpenedWal): OpenedWal {
    const { wal } = opened;
    const save: Wal['save'] = (batch) => {
      const isOther = this.#saves(batch);
      const saving = wal.save(batch);
      if (isOther !== undefined) saving.then(isOther, () => undefined);
      return saving;
    };
    const purge: Wal['purge'] = (toIndex) => {
      const sending = this.#sends.find(({ index }) => index < toIndex);
      if (sending !== undefined) {
        this.#fail(
          `the log is purged up to ${toIndex} while the snapshot of ${sending.index} is sent`,
        );
      }
      return wal.purge(toIndex);
    };
    const watched = new Proxy(wal, {
      get: (of, name) => {
        if (name === 'save') return save;
        if (name === 'purge') return purge;
        const value: unknown = Reflect.get(of, name, of);
        return typeof value === 'function' ? value.bind(of) : value;
      },
    });
    return { ...opened, wal: watched };
  }

  /** Called when the record of a received snapshot is durable and its installation begins. */
  #saves({ hardState, entries = [], snapshot }: SaveBatch): (() => void) | undefined {
    const [first] = entries;
    if (first !== undefined) {
      for (const index of this.#changes) if (index >= first.index) this.#changes.delete(index);
    }
    for (const { index, type } of entries) if (type !== EntryType.Normal) this.#changes.add(index);
    const committed = this.#committed;
    this.#committed = Math.max(committed, hardState?.commit ?? 0);
    if (snapshot === undefined || this.#made.has(nameOf(snapshot))) return undefined;
    this.#onInstalling();
    return () => this.#installs(snapshot, committed);
  }

  #installs(snapshot: SnapshotMetadata, committed: number): void {
    const counts = this.#counts;
    if (this.#applying > 0) counts.installedOverApply += 1;
    if (this.#making > 0) counts.madeWhileInstalled += 1;
    const last = Math.min(committed, snapshot.index);
    const waits = [...this.#changes].some((at) => at > this.appliedIndex() && at <= last);
    if (waits) counts.changeCovered += 1;
  }
}

const nameOf = ({ index, term }: SnapshotMetadata): string => `${index} ${term}`;
