import type { WalCapabilities } from '@babuza/wal-core';
import { recordBytesLimit34 } from './format/layout.ts';

/**
 * The guarantees of etcd's format. It does not mark the end of a batch, and its checksum covers
 * neither the type nor the length of a record. `docs/etcd-wal.md` describes the consequences.
 */
export const capabilities: WalCapabilities = Object.freeze({
  durable: true,
  batchAtomic: false,
  detectsEveryFlip: false,
  exactPurge: false,
  // A record adds fewer than 64 bytes to an entry.
  entryBytesMax: recordBytesLimit34 - 64,
});
