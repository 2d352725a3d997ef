/**
 * Snapshots in memory, for tests: they are gone with the process, and with `close`. A node that
 * relies on them has lost what its log no longer has.
 */
import { MemoryFileSystem } from './memory-file-system.ts';
import { checkedForm, type SnapshotManagerOptions } from './options.ts';
import { StoredSnapshotManager } from './stored-snapshot-manager.ts';

export class VolatileSnapshotManager extends StoredSnapshotManager {
  /** @throws SnapshotError `SNAPSHOT_INVALID` */
  constructor(options: SnapshotManagerOptions = {}) {
    const fileSystem = new MemoryFileSystem();
    const place = { durable: false, fileSystem, outside: undefined, directory: '/snap' };
    super(place, checkedForm(options));
  }
}
