/**
 * The replacement for a disk: a store that keeps its content as long as somebody references it. A
 * manager that opens it finds what an earlier manager wrote, as after a restart.
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

  /** Whether the store was ever opened, and so may hold logs. */
  get exists(): boolean {
    return this.#openedBefore;
  }

  /** Opens the database for one owner until the owner closes it. */
  async open(): Promise<LevelDatabase> {
    const { status } = this.#database;
    // The database opens itself when it is created, so its status means an owner only after a first
    // call.
    if (this.#openedBefore && status !== 'closed') {
      throw new LockedError(
        `the memory store has another owner (its status is ${status}). Close that manager first`,
      );
    }
    this.#openedBefore = true;
    await this.#database.open();
    return this.#database;
  }
}
