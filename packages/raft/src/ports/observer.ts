/**
 * Who watches a node from its start to its end, as a collector of metrics does. It must not throw.
 */
import type { Wal } from '@babuza/wal-core';
import type { RaftEventListener } from '../events.ts';
import type { RaftStatus, Readiness } from '../status.ts';
import type { TransportCounts } from './transport.ts';

export interface ObservedNode {
  /** To be asked until the observing ends. */
  readonly status: () => RaftStatus;
  readonly readiness: () => Readiness;
  readonly subscribe: (listener: RaftEventListener) => () => void;
  /** Absent where the transport does not count. */
  readonly transport?: (() => TransportCounts) | undefined;
  readonly wal: Pick<Wal, 'groupId' | 'stats' | 'events'>;
}

export interface NodeObserver {
  /** The node starts. The function that is returned is called when it ends. */
  observe(node: ObservedNode): () => void;
}
