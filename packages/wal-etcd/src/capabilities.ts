import type { WalCapabilities } from '@babuza/wal-core';
import { recordBytesLimit34 } from './format/layout.ts';

/**
 * What etcd's format can promise. It has no borders of batches, and its checksum covers neither the
 * type of a record nor its length: `docs/etcd-wal.md` has the consequences.
 */
export const capabilities: WalCapabilities = Object.freeze({
  durable: true,
  batchAtomic: false,
  detectsEveryFlip: false,
  exactPurge: false,
  // A little less than the largest record: room for what a record adds to an entry.
  entryBytesMax: recordBytesLimit34 - 64,
});
