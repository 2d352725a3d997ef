/**
 * A disk. A write is visible at once. A crash keeps all synced writes, and perhaps some of the
 * later ones, in their order. A write is atomic.
 */

import type { ConfState, Entry, HardState, Snapshot } from '@babuza/raftpb';
import { MemoryStorage } from '../../src/index.ts';

/**
 * One write. `created` is a snapshot of the node's own application, and the entries that it makes
 * obsolete.
 */
export interface Write {
  readonly hardState?: HardState | undefined;
  readonly entries: readonly Entry[];
  readonly snapshot?: Snapshot | undefined;
  readonly created?: CreatedSnapshot | undefined;
}

export interface CreatedSnapshot {
  readonly index: number;
  readonly confState: ConfState;
  readonly data: Uint8Array;
  /** The entries up to this index are compacted; 0 for none. */
  readonly compactTo: number;
}

export class Disk {
  /** The storage that the node reads. */
  visible: MemoryStorage = new MemoryStorage();
  /** The storage that a crash leaves at least. */
  durable: MemoryStorage = new MemoryStorage();
  #pending: Write[] = [];
  /** Called with each write before it becomes durable. */
  readonly #beforeDurable: (write: Write) => void;

  constructor(beforeDurable: (write: Write) => void) {
    this.#beforeDurable = beforeDurable;
  }

  /** The number of writes that are not durable. */
  get pendingCount(): number {
    return this.#pending.length;
  }

  /** Starts with a snapshot that holds the membership. */
  found(snapshot: Snapshot): void {
    const { index: commit, term } = snapshot.metadata;
    this.write({ hardState: { term, vote: 0n, commit }, entries: [], snapshot });
    this.sync();
  }

  write(write: Write): void {
    applyWrite(this.visible, write);
    this.#pending.push(write);
  }

  sync(): void {
    this.#makeDurable(this.#pending.length);
  }

  /** Loses all but the first `survivors` of the unsynced writes; returns how many were lost. */
  crash(survivors: number): number {
    this.#makeDurable(Math.min(survivors, this.#pending.length));
    const lost = this.#pending.length;
    this.#pending = [];
    this.visible = cloneOf(this.durable);
    return lost;
  }

  #makeDurable(count: number): void {
    for (const write of this.#pending.splice(0, count)) {
      this.#beforeDurable(write);
      applyWrite(this.durable, write);
    }
  }
}

/** The term at `index`, or 0 when the storage does not know it. */
export function termIn(storage: MemoryStorage, index: number): number {
  const isKnown = index >= storage.firstIndex() - 1 && index <= storage.lastIndex();
  return isKnown ? storage.term(index) : 0;
}

function applyWrite(storage: MemoryStorage, write: Write): void {
  const { hardState, entries, snapshot, created } = write;
  if (snapshot !== undefined) storage.applySnapshot(snapshot);
  storage.append(entries);
  if (hardState !== undefined) storage.setHardState(hardState);
  if (created === undefined) return;
  storage.createSnapshot(created.index, created.confState, created.data);
  if (created.compactTo >= storage.firstIndex()) storage.compact(created.compactTo);
}

/** The newest snapshot in a storage. */
export function snapshotIn(storage: MemoryStorage): Snapshot | undefined {
  // Every snapshot that was taken or received has a membership with at least one voter.
  if (storage.initialState().confState.voters.length === 0) return undefined;
  return storage.snapshot();
}

function cloneOf(storage: MemoryStorage): MemoryStorage {
  const clone = new MemoryStorage();
  const { hardState, confState } = storage.initialState();
  const base = storage.firstIndex() - 1;
  const last = storage.lastIndex();
  const snapshot = snapshotIn(storage);
  const index = snapshot?.metadata.index ?? 0;
  if (snapshot !== undefined && index === base) clone.applySnapshot(snapshot);
  else if (base > 0) {
    clone.applySnapshot({ metadata: { index: base, term: storage.term(base), confState } });
  }
  if (last > base) clone.append(storage.entries(base + 1, last + 1, Infinity));
  if (index > base) clone.createSnapshot(index, confState, snapshot?.data);
  clone.setHardState(hardState);
  return clone;
}
