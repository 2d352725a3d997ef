import { entryBytesMaxLimit, type WalCapabilities } from '@babuza/wal-core';

/** The guarantees of the native log; `docs/DURABILITY.md` states the assumptions behind them. */
export const capabilities: WalCapabilities = Object.freeze({
  durable: true,
  batchAtomic: true,
  detectsEveryFlip: true,
  exactPurge: true,
  entryBytesMax: entryBytesMaxLimit,
});
