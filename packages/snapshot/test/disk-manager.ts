/** A durable manager of group 1 on the simulated disk, and the names in its folder. */
import type { FileSystem } from '@babuza/vfs';
import { DurableSnapshotManager } from '../src/index.ts';
import { chunkBytes } from './support.ts';

export const groupFolder = '/snap/group-0000000000000001';

/** The name of the folder of a snapshot of term 1. */
export const nameOf = (index: number): string =>
  `${String(index).padStart(16, '0')}-0000000000000001`;

/** Opens a manager on this disk. */
export async function openedOn(fileSystem: FileSystem): Promise<DurableSnapshotManager> {
  const manager = new DurableSnapshotManager('/snap', { chunkBytes }, { fileSystem });
  await manager.open(1n);
  return manager;
}
