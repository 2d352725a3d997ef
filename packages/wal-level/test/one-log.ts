/** One log in a store of its own, whose cache holds nothing. */
import type { LevelStoreKind, LevelWalManager, Reclaimed } from '../src/index.ts';
import type { OpenedWal } from '@babuza/wal-core';
import type { KeyRange } from '../src/keys.ts';
import { HostileStore } from './hostile-store.ts';

/** A store whose optional methods a test provides. */
export class StoreWith extends HostileStore implements LevelStoreKind {
  reclaim?: (database: unknown, range: KeyRange) => Promise<Reclaimed>;
  onFlush: () => Promise<void> = async () => undefined;

  override async flush(): Promise<void> {
    await super.flush();
    await this.onFlush();
  }
}

export interface OneLog extends OpenedWal {
  readonly store: StoreWith;
  readonly manager: LevelWalManager;
}

export async function oneLog(store: StoreWith = new StoreWith()): Promise<OneLog> {
  const manager = store.manager({ cache: { entriesMax: 0, bytesMax: 0 } });
  return { store, manager, ...(await manager.createWal({ clusterId: 1n, nodeId: 1n })) };
}
