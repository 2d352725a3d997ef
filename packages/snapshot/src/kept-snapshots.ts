/**
 * The snapshots that exist, the readers that hold them open, and every change of them. Changes run
 * one after the other, so that none sees another one half done.
 */
import type { StoredSnapshot } from '@babuza/raft/ports';
import type { SnapshotContents } from './format/metadata-file.ts';
import { KeptSnapshot } from './kept-snapshot.ts';
import { PinnedSnapshot } from './pinned-snapshot.ts';
import type { SnapshotFolder, SnapshotPosition } from './snapshot-folder.ts';
import {
  isShortage,
  readFailure,
  SnapshotError,
  translating,
  writeFailure,
} from './snapshot-error.ts';

export class KeptSnapshots {
  readonly #folder: SnapshotFolder;
  /**
   * By name of the folder. Includes snapshots that are removed when their last reader closes them.
   */
  readonly #kept: Map<string, KeptSnapshot>;
  readonly #pinned: Set<PinnedSnapshot> = new Set();
  /** The names of folders that could not be removed. The next removal tries again. */
  readonly #unremoved: Set<string> = new Set();
  #lastChange: Promise<unknown> = Promise.resolve();

  constructor(folder: SnapshotFolder, found: readonly KeptSnapshot[]) {
    this.#folder = folder;
    this.#kept = new Map(found.map((kept) => [kept.name, kept]));
  }

  /** The listed snapshots, ascending by index and term, which is the order of their names. */
  existing(): KeptSnapshot[] {
    return [...this.#kept.values()]
      .filter(({ removal }) => removal === 'none')
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  find(at: SnapshotPosition): KeptSnapshot | undefined {
    const kept = this.#kept.get(this.#folder.nameOf(at));
    return kept?.removal === 'none' ? kept : undefined;
  }

  /**
   * Returns an existing snapshot. If its removal is pending because a reader holds it, the removal
   * is cancelled.
   */
  revive(at: SnapshotPosition): StoredSnapshot | undefined {
    const kept = this.#kept.get(this.#folder.nameOf(at));
    // A snapshot whose removal is done is no longer in the map.
    if (kept === undefined) return undefined;
    kept.removal = 'none';
    return kept.stored;
  }

  /**
   * Returns an existing snapshot that is not damaged. One that an earlier process wrote, and this
   * process has not read yet, is read now: a damaged snapshot must not replace one that is being
   * made or received.
   */
  async reviveWhole(at: SnapshotPosition): Promise<StoredSnapshot | undefined> {
    const stored = this.revive(at);
    if (stored === undefined || this.find(at)?.isChecked === true) return stored;
    return (await this.verify(at)) ? this.revive(at) : undefined;
  }

  /**
   * Reads the snapshot. Returns false if it is damaged, which also sets it aside, or if it does not
   * exist.
   */
  async verify(at: SnapshotPosition): Promise<boolean> {
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

  /** Opens a snapshot for reading. Throws `SNAPSHOT_NOT_FOUND`. */
  pin(at: SnapshotPosition): PinnedSnapshot {
    const kept = this.find(at);
    if (kept === undefined) {
      const what = `index ${at.index} and term ${at.term}`;
      throw new SnapshotError(
        'SNAPSHOT_NOT_FOUND',
        `there is no snapshot of ${what} in ${this.#folder.path}`,
      );
    }
    kept.pins += 1;
    const pinned = new PinnedSnapshot(this.#folder, kept, async () => {
      kept.pins -= 1;
      this.#pinned.delete(pinned);
      // The reader has nothing to do with a failed removal. The next `retain` tries again.
      if (kept.removal === 'pending')
        await this.#afterChanges(() => this.#removeIfFree(kept)).catch(ignore);
    });
    this.#pinned.add(pinned);
    return pinned;
  }

  /** Turns a finished folder into a snapshot. If one of this index and term exists it stays. */
  publish(from: string, contents: SnapshotContents): Promise<StoredSnapshot> {
    return this.#afterChanges(async () => {
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

  /** Sets a damaged snapshot aside. Open readers may continue, and new ones do not get it. */
  setAside(kept: KeptSnapshot): Promise<void> {
    return this.#afterChanges(async () => {
      if (kept.removal === 'done') return;
      kept.removal = 'done';
      this.#kept.delete(kept.name);
      kept.name = await this.#folder.setAside(kept.name);
    });
  }

  /**
   * Removes the snapshots whose removal is pending and that no reader holds. All are tried, and the
   * first failure is thrown. Folders that could not be removed before are tried again. Their
   * failures are not thrown, unless the system is short of a resource: they were reported before,
   * and one folder that cannot be removed must not stop all retention.
   */
  removeFree(): Promise<void> {
    return this.#afterChanges(async () => {
      const going = [...this.#kept.values()].filter(({ removal }) => removal === 'pending');
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

  /** Finishes an earlier removal that failed, so that nothing of the snapshot is left. */
  finishRemoval(at: SnapshotPosition): Promise<void> {
    return this.#afterChanges(async () => {
      const name = this.#folder.nameOf(at);
      if (this.#unremoved.has(name)) await this.#discard(name);
    });
  }

  /**
   * Removes all snapshots, the newest included, and the identity record last: while a snapshot
   * exists the record says what it belongs to. Nothing is changed while a reader holds one
   * (`SNAPSHOT_BUSY`).
   */
  removeAll(): Promise<void> {
    return this.#afterChanges(async () => {
      const all = [...this.#kept.values()];
      const held = all.find(({ pins }) => pins > 0);
      if (held !== undefined) {
        const { index, term } = held.stored.metadata;
        const what = `the snapshot of index ${index} and term ${term} is open for reading`;
        throw new SnapshotError('SNAPSHOT_BUSY', `${what}. Nothing was removed. Close it first`);
      }
      for (const kept of all) kept.removal = 'done';
      this.#kept.clear();
      // The names in the folder, and those of failed removals.
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
    return this.#afterChanges(() => translating(readFailure, () => this.#folder.readIdentity()));
  }

  writeIdentity(bytes: Uint8Array): Promise<void> {
    return this.#afterChanges(() => this.#folder.writeIdentity(bytes));
  }

  /** Closes all open snapshots. */
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
    if (kept.removal !== 'pending' || kept.pins > 0) return;
    kept.removal = 'done';
    // The snapshot leaves the map even if the removal fails: its name may be gone already, so it
    // can only be removed again.
    this.#kept.delete(kept.name);
    await this.#discard(kept.name);
  }

  #afterChanges<Result>(change: () => Promise<Result>): Promise<Result> {
    const result = this.#lastChange.then(() => translating(writeFailure, change));
    this.#lastChange = result.catch(ignore);
    return result;
  }
}

function ignore(): void {}
