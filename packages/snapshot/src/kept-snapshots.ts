/**
 * The snapshots that exist, who holds them, and every change of what exists. The changes take
 * turns, so that none sees another one half done.
 */
import type { StoredSnapshot } from '@babuza/raft';
import type { SnapshotContents } from './format/metadata-file.ts';
import { KeptSnapshot } from './kept-snapshot.ts';
import { PinnedSnapshot } from './pinned-snapshot.ts';
import type { SnapshotFolder, SnapshotPlace } from './snapshot-folder.ts';
import {
  isShortage,
  readFailure,
  SnapshotError,
  translating,
  writeFailure,
} from './snapshot-error.ts';

export class KeptSnapshots {
  readonly #folder: SnapshotFolder;
  /** By name of the folder; also those that go when nobody holds them any more. */
  readonly #kept: Map<string, KeptSnapshot>;
  readonly #pinned: Set<PinnedSnapshot> = new Set();
  /** Names that could not be removed: the next removal tries again. */
  readonly #unremoved: Set<string> = new Set();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(folder: SnapshotFolder, found: readonly KeptSnapshot[]) {
    this.#folder = folder;
    this.#kept = new Map(found.map((kept) => [kept.name, kept]));
  }

  /** Ascending by index, then by term: as their names are. */
  existing(): KeptSnapshot[] {
    return [...this.#kept.values()]
      .filter(({ fate }) => fate === 'stays')
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  find(at: SnapshotPlace): KeptSnapshot | undefined {
    const kept = this.#kept.get(this.#folder.nameOf(at));
    return kept?.fate === 'stays' ? kept : undefined;
  }

  /** One that exists, or that somebody holds and whose going is called off with this. */
  revive(at: SnapshotPlace): StoredSnapshot | undefined {
    const kept = this.#kept.get(this.#folder.nameOf(at));
    // One that is gone is in the list no more.
    if (kept === undefined) return undefined;
    kept.fate = 'stays';
    return kept.stored;
  }

  /**
   * The same, where it is whole. One from an earlier life, whose files nobody has read in this one,
   * is read now: what is damaged must not take the place of what is made or received.
   */
  async reviveWhole(at: SnapshotPlace): Promise<StoredSnapshot | undefined> {
    const stored = this.revive(at);
    if (stored === undefined || this.find(at)?.isChecked === true) return stored;
    return (await this.verify(at)) ? this.revive(at) : undefined;
  }

  /** False for one that is damaged, and set aside with this, or that is not there. */
  async verify(at: SnapshotPlace): Promise<boolean> {
    const found = this.find(at);
    if (found === undefined) return false;
    const pinned = this.pin(at);
    try {
      found.isChecked = await pinned.verify();
      if (!found.isChecked) await this.setAside(found);
      return found.isChecked;
    } finally {
      await pinned.close();
    }
  }

  /** Throws `SNAPSHOT_NOT_FOUND`. */
  pin(at: SnapshotPlace): PinnedSnapshot {
    const kept = this.find(at);
    if (kept === undefined) {
      const what = `index ${at.index} and term ${at.term}`;
      throw new SnapshotError('SNAPSHOT_NOT_FOUND', `there is no snapshot of ${what}`);
    }
    kept.pins += 1;
    const pinned = new PinnedSnapshot(this.#folder, kept, async () => {
      kept.pins -= 1;
      this.#pinned.delete(pinned);
      // A failure here is nobody's who reads: the next `retain` tries again.
      if (kept.fate === 'goes') await this.#inTurn(() => this.#removeIfFree(kept)).catch(ignore);
    });
    this.#pinned.add(pinned);
    return pinned;
  }

  /**
   * A finished folder becomes a snapshot, unless there is one of this index and term: then that one
   * stays.
   */
  publish(from: string, contents: SnapshotContents): Promise<StoredSnapshot> {
    return this.#inTurn(async () => {
      const existing = this.revive(contents.metadata);
      if (existing !== undefined) {
        await this.#folder.removeTree(from).catch(ignore);
        return existing;
      }
      const name = this.#folder.nameOf(contents.metadata);
      await this.#folder.publish(from, name);
      const kept = new KeptSnapshot(name, contents, true);
      this.#unremoved.delete(name);
      this.#kept.set(name, kept);
      return kept.stored;
    });
  }

  /** It was found damaged. Who holds it may go on; nobody else gets it. */
  setAside(kept: KeptSnapshot): Promise<void> {
    return this.#inTurn(async () => {
      if (kept.fate === 'gone') return;
      kept.fate = 'gone';
      this.#kept.delete(kept.name);
      kept.name = await this.#folder.setAside(kept.name);
    });
  }

  /**
   * Removes those that go and are held by nobody. All are tried; the first failure is thrown. A
   * removal whose disk had failed before is tried again; its next failure is not thrown, because it
   * was reported, and one folder that cannot be removed must not stop all retention.
   */
  removeFree(): Promise<void> {
    return this.#inTurn(async () => {
      const going = [...this.#kept.values()].filter(({ fate }) => fate === 'goes');
      let failure: { readonly error: unknown } | undefined;
      for (const name of this.#unremoved) {
        await this.#discard(name).catch((error: unknown) => {
          if (isShortage(error)) failure ??= { error };
        });
      }
      for (const kept of going) {
        await this.#removeIfFree(kept).catch((error: unknown) => {
          failure ??= { error };
        });
      }
      if (failure !== undefined) throw failure.error;
    });
  }

  /**
   * Resolves when nothing of one that does not exist is left; an earlier removal may have failed.
   */
  finishRemoval(at: SnapshotPlace): Promise<void> {
    return this.#inTurn(async () => {
      const name = this.#folder.nameOf(at);
      if (this.#unremoved.has(name)) await this.#discard(name);
    });
  }

  /**
   * Removes all, the newest included, and the identity record last: as long as a snapshot is there,
   * the record says what it belongs to. Nothing is changed while somebody holds one
   * (`SNAPSHOT_BUSY`).
   */
  removeAll(): Promise<void> {
    return this.#inTurn(async () => {
      const all = [...this.#kept.values()];
      const held = all.find(({ pins }) => pins > 0);
      if (held !== undefined) {
        const { index, term } = held.stored.metadata;
        const what = `the snapshot of index ${index} and term ${term} is open for reading`;
        throw new SnapshotError('SNAPSHOT_BUSY', `${what}: close it, then remove all of them`);
      }
      for (const kept of all) kept.fate = 'gone';
      this.#kept.clear();
      // By the names in the folder, and by those of removals that have failed.
      const { snapshots } = await this.#folder.find();
      let failure: { readonly error: unknown } | undefined;
      for (const name of new Set([...snapshots, ...this.#unremoved])) {
        await this.#discard(name).catch((error: unknown) => {
          failure ??= { error };
        });
      }
      if (failure !== undefined) throw failure.error;
      await this.#folder.removeIdentity();
    });
  }

  readIdentity(): Promise<Uint8Array | undefined> {
    return this.#inTurn(() => translating(readFailure, () => this.#folder.readIdentity()));
  }

  writeIdentity(bytes: Uint8Array): Promise<void> {
    return this.#inTurn(() => this.#folder.writeIdentity(bytes));
  }

  /** Ends all reading. */
  async closePinned(): Promise<void> {
    await Promise.all([...this.#pinned].map((pinned) => pinned.close()));
  }

  async #discard(name: string): Promise<void> {
    try {
      await this.#folder.discard(name);
      this.#unremoved.delete(name);
    } catch (error) {
      this.#unremoved.add(name);
      throw error;
    }
  }

  async #removeIfFree(kept: KeptSnapshot): Promise<void> {
    if (kept.fate !== 'goes' || kept.pins > 0) return;
    kept.fate = 'gone';
    // Also where that fails: its name may be gone already, and so it can only be removed.
    this.#kept.delete(kept.name);
    await this.#discard(kept.name);
  }

  #inTurn<Result>(change: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(() => translating(writeFailure, change));
    this.#turn = result.catch(ignore);
    return result;
  }
}

function ignore(): void {}
