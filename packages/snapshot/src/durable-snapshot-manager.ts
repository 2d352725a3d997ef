/** Snapshots on disk. */
import { isAbsolute } from 'node:path';
import { nodeEnvironment, type Environment } from '@babuza/vfs';
import { checkedForm, type SnapshotManagerOptions } from './options.ts';
import { SnapshotError } from './snapshot-error.ts';
import { StoredSnapshotManager } from './stored-snapshot-manager.ts';

export class DurableSnapshotManager extends StoredSnapshotManager {
  /**
   * Creates nothing before `open`.
   *
   * @param directory An absolute path, created if it is missing. Each group has a folder in it.
   * @throws SnapshotError `SNAPSHOT_INVALID`
   */
  constructor(
    directory: string,
    options: SnapshotManagerOptions = {},
    environment: Pick<Environment, 'fileSystem'> = nodeEnvironment(),
  ) {
    if (typeof directory !== 'string' || !isAbsolute(directory)) {
      throw new SnapshotError(
        'SNAPSHOT_INVALID',
        `the directory must be an absolute path, got ${directory}`,
      );
    }
    const { fileSystem } = environment;
    const storage = { durable: true, fileSystem, outside: fileSystem, directory };
    super(storage, checkedForm(options));
  }
}
