/**
 * The components of a node. `@babuza/builder` builds them; a user's own implementations fit as
 * well.
 */
import type { Clock, Random } from '@babuza/vfs';
import type { WalManager } from '@babuza/wal-core';
import type { Logger } from './logger.ts';
import type { NodeObserver } from './observer.ts';
import type { SessionManager } from './session-manager.ts';
import type { SnapshotManager } from './snapshot-manager.ts';
import type { Transport } from './transport.ts';

export interface RaftComponent {
  /**
   * The cluster that the components were built for; the node's configuration must have the same id.
   */
  readonly clusterId: bigint;
  /**
   * The node that they were built for, where that is known; the configuration must have the same
   * id.
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
