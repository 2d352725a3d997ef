import type { WalBackend } from '@babuza/wal-core';
import { capabilities } from './capabilities.ts';
import { NativeWalManager } from './native-wal-manager.ts';
import type { NativeWalOptions } from './options.ts';
import { BabuzaWal } from './wal-type.ts';

/** The back end of the native log, for the builder and for users that open a log themselves. */
export const walBackend: WalBackend<NativeWalOptions> = {
  types: [BabuzaWal],
  capabilities,
  open: async (directory, options) => new NativeWalManager(directory, options),
};

export { NativeWalManager } from './native-wal-manager.ts';
export type { NativeWalOptions } from './options.ts';
export { BabuzaWal } from './wal-type.ts';
