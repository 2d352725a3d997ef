import { entryBytesMaxLimit, type WalCapabilities } from '@babuza/wal-core';

/** What the native log promises; `docs/DURABILITY.md` says under which assumptions. */
export const capabilities: WalCapabilities = Object.freeze({
  durable: true,
  batchAtomic: true,
  detectsEveryFlip: true,
  exactPurge: true,
  entryBytesMax: entryBytesMaxLimit,
});
