/** Closes a log while other calls may be running. */
import type { WalManager } from '@babuza/wal-core';
import type { Ledger } from '@babuza/wal-core/conformance';
import type { SimulatedDisk } from '../simulated-disk.ts';
import { expectThat } from './back-end.ts';

/**
 * When the close has resolved, everything that was saved is durable as after a sync, no call is
 * running, and no file is open.
 */
export async function closeLog(
  manager: WalManager,
  ledger: Ledger,
  disk: SimulatedDisk,
): Promise<void> {
  const id = ledger.attempt({ sync: true });
  await manager.close();
  ledger.acknowledge(id);
  const late = disk.heldCalls.filter(({ isStep }) => !isStep).map(({ what }) => what);
  expectThat(late.length === 0, `calls are still running after the close: ${late.join(', ')}`);
  const { openPaths } = disk;
  expectThat(
    openPaths.length === 0,
    `files are still open after the close: ${openPaths.join(', ')}`,
  );
}
