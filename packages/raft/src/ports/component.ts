/**
 * The parts that a node is put together from. `@babuza/builder` builds them; parts of your own fit
 * as well.
 */
import type { Clock, Random } from '@babuza/vfs';
import type { WalManager } from '@babuza/wal-core';
import type { Logger } from './logger.ts';
import type { NodeObserver } from './observer.ts';
import type { SessionManager } from './session-manager.ts';
import type { SnapshotManager } from './snapshot-manager.ts';
import type { Transport } from './transport.ts';

export interface RaftComponent {
  /** The cluster that the parts were built for; the node's configuration must name the same. */
  readonly clusterId: bigint;
  /**
   * The node that they were built for, where that is known; the configuration must name the same.
   */
  readonly nodeId?: bigint | undefined;
  readonly walManager: WalManager;
  readonly snapshotManager: SnapshotManager;
  readonly sessionManager: SessionManager;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger?: Logger | undefined;
  readonly observer?: NodeObserver | undefined;
}
