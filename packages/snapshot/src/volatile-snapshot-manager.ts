/**
 * Snapshots in memory, for tests: they are lost with the process and with `close`. A node whose log
 * was purged cannot restart from them.
 */
import { MemoryFileSystem } from './memory-file-system.ts';
import { checkedForm, type SnapshotManagerOptions } from './options.ts';
import { StoredSnapshotManager } from './stored-snapshot-manager.ts';

export class VolatileSnapshotManager extends StoredSnapshotManager {
  /** @throws SnapshotError `SNAPSHOT_INVALID` */
  constructor(options: SnapshotManagerOptions = {}) {
    const fileSystem = new MemoryFileSystem();
    const storage = { durable: false, fileSystem, outside: undefined, directory: '/snap' };
    super(storage, checkedForm(options));
  }
}
