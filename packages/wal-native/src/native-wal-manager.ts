/** A directory of native logs: what `FileWalManager` does, with the native format below it. */
import { guardedEnvironment } from '@babuza/vfs';
import { FileWalManager } from '@babuza/wal-files';
import { capabilities } from './capabilities.ts';
import { NativeLogFiles } from './native-log-files.ts';
import { checkedOptions, type NativeWalOptions } from './options.ts';
import { BabuzaWal } from './wal-type.ts';

export class NativeWalManager extends FileWalManager {
  /** Throws `WAL_INVALID` where `directory` is no path or an option is not what it may be. */
  constructor(directory: string, options: NativeWalOptions = {}) {
    const checked = checkedOptions(options);
    const { cache } = checked;
    const environment = guardedEnvironment(checked.environment);
    const files = new NativeLogFiles({ ...checked, environment });
    super(directory, { walType: BabuzaWal, capabilities, environment, cache, files });
  }
}
