/**
 * The manager of a directory of logs in etcd's format: `FileWalManager` with the files of that
 * format.
 */
import { guardedEnvironment } from '@babuza/vfs';
import { FileWalManager } from '@babuza/wal-files';
import { capabilities } from './capabilities.ts';
import { EtcdLogFiles } from './etcd-log-files.ts';
import { checkedOptions, type EtcdWalOptions } from './options.ts';
import { ETCDWal } from './wal-type.ts';

export class EtcdWalManager extends FileWalManager {
  /** Throws `WAL_INVALID` if `directory` is not a path or an option is not valid. */
  constructor(directory: string, options: EtcdWalOptions = {}) {
    const checked = checkedOptions(options);
    const { cache } = checked;
    const environment = guardedEnvironment(checked.environment);
    const files = new EtcdLogFiles({ ...checked, environment });
    super(directory, { walType: ETCDWal, capabilities, environment, cache, files });
  }
}
