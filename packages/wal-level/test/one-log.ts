/** One log in a place of its own, whose cache holds nothing. */
import type { LevelStoreKind, LevelWalManager, Reclaimed } from '../src/index.ts';
import type { OpenedWal } from '@babuza/wal-core';
import type { KeyRange } from '../src/keys.ts';
import { HostilePlace } from './hostile-level.ts';

/** A place whose optional methods a test can give. */
export class PlaceWith extends HostilePlace implements LevelStoreKind {
  reclaim?: (database: unknown, range: KeyRange) => Promise<Reclaimed>;
  onFlush: () => Promise<void> = async () => undefined;

  override async flush(): Promise<void> {
    await super.flush();
    await this.onFlush();
  }
}

export interface OneLog extends OpenedWal {
  readonly place: PlaceWith;
  readonly manager: LevelWalManager;
}

export async function oneLog(place: PlaceWith = new PlaceWith()): Promise<OneLog> {
  const manager = place.manager({ cache: { entriesMax: 0, bytesMax: 0 } });
  return { place, manager, ...(await manager.createWal({ clusterId: 1n, nodeId: 1n })) };
}
