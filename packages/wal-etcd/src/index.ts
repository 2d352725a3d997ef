import type { WalBackend } from '@babuza/wal-core';
import { capabilities } from './capabilities.ts';
import { EtcdWalManager } from './etcd-wal-manager.ts';
import type { EtcdWalOptions } from './options.ts';
import { ETCDWal } from './wal-type.ts';

/** The back end for logs in etcd's format. */
export const walBackend: WalBackend<EtcdWalOptions> = {
  types: [ETCDWal],
  capabilities,
  open: async (directory, options) => new EtcdWalManager(directory, options),
};

export { EtcdWalManager } from './etcd-wal-manager.ts';
export type { EtcdWalOptions } from './options.ts';
export { ETCDWal } from './wal-type.ts';
