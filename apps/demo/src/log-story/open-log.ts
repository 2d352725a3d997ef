/**
 * The one place of the demo where a log is chosen and opened: through the builder, as users do it.
 */
import { BabuzaComponentBuilder, BabuzaWal, ETCDWal, type Logger } from '@babuza/builder';
import type { WalManager } from '@babuza/wal-core';

/** The cluster and node that the demo's log says it belongs to. */
export const clusterId = 0xba62a;
export const nodeId = 1;

export const defaultWalType: string = BabuzaWal;

/** Small segments, so that a demo of some megabytes has several and a purge can give some back. */
const smallSegments = { segmentBytes: 8 * 1024 * 1024 };
const typesWithSegments: readonly string[] = [BabuzaWal, ETCDWal];

/**
 * Opens the place of the logs below `storageRootDir`. Throws the builder's errors, which name what
 * is known and what is not installed. `logger` is told what the builder decided.
 */
export async function openManager(
  walType: string,
  storageRootDir: string,
  logger?: Logger,
): Promise<WalManager> {
  const walOptions = typesWithSegments.includes(walType) ? smallSegments : undefined;
  const builder = new BabuzaComponentBuilder({
    clusterId,
    nodeId,
    storageRootDir,
    walType,
    walOptions,
    logger,
  });
  return (await builder.build()).walManager;
}
