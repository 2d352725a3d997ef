/**
 * What stands for the disk: a store that lives as long as somebody holds it. Give the same one to
 * one manager after the other, and the second finds what the first wrote, as after a restart.
 */
import { LockedError } from '@babuza/wal-core';
import type { LevelDatabase } from '@babuza/wal-level';
import { MemoryLevel } from 'memory-level';

export class MemoryStore {
  readonly #database: MemoryLevel<Uint8Array, Uint8Array> = new MemoryLevel({
    keyEncoding: 'view',
    valueEncoding: 'view',
    storeEncoding: 'view',
  });
  #openedBefore = false;

  /** Whether it was ever opened, and so can hold logs. */
  get exists(): boolean {
    return this.#openedBefore;
  }

  /** The database, opened: for one owner, until the owner closes it. */
  async open(): Promise<LevelDatabase> {
    const { status } = this.#database;
    // It opens itself when it is made, so only a later "open" means that it has an owner.
    if (this.#openedBefore && status !== 'closed') {
      throw new LockedError(`the memory store is in use (${status})`);
    }
    this.#openedBefore = true;
    await this.#database.open();
    return this.#database;
  }
}
