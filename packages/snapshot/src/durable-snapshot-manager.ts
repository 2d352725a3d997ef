/** Snapshots on disk. */
import { isAbsolute } from 'node:path';
import { nodeEnvironment, type Environment } from '@babuza/vfs';
import { checkedForm, type SnapshotManagerOptions } from './options.ts';
import { SnapshotError } from './snapshot-error.ts';
import { StoredSnapshotManager } from './stored-snapshot-manager.ts';

export class DurableSnapshotManager extends StoredSnapshotManager {
  /**
   * `directory` (absolute) is made when it is missing; each group has a folder of its own in it.
   * Nothing is touched before `open`.
   *
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
    const place = { durable: true, fileSystem, outside: fileSystem, directory };
    super(place, checkedForm(options));
  }
}
