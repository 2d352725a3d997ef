import type { WalBackend } from '@babuza/wal-core';
import { capabilities } from './capabilities.ts';
import { EtcdWalManager } from './etcd-wal-manager.ts';
import type { EtcdWalOptions } from './options.ts';
import { ETCDWal } from './wal-type.ts';

/** The log in etcd's format as the builder, the tools and users open it. */
export const walBackend: WalBackend<EtcdWalOptions> = {
  types: [ETCDWal],
  capabilities,
  open: async (directory, options) => new EtcdWalManager(directory, options),
};

export { EtcdWalManager } from './etcd-wal-manager.ts';
export type { EtcdWalOptions } from './options.ts';
export { ETCDWal } from './wal-type.ts';
