/** A directory of native logs: `FileWalManager` with the files of the native format. */
import { guardedEnvironment } from '@babuza/vfs';
import { FileWalManager } from '@babuza/wal-files';
import { capabilities } from './capabilities.ts';
import { NativeLogFiles } from './native-log-files.ts';
import { checkedOptions, type NativeWalOptions } from './options.ts';
import { BabuzaWal } from './wal-type.ts';

export class NativeWalManager extends FileWalManager {
  /** Throws `WAL_INVALID` if `directory` is not a path or an option is invalid. */
  constructor(directory: string, options: NativeWalOptions = {}) {
    const checked = checkedOptions(options);
    const { cache } = checked;
    const environment = guardedEnvironment(checked.environment);
    const files = new NativeLogFiles({ ...checked, environment });
    super(directory, { walType: BabuzaWal, capabilities, environment, cache, files });
  }
}
