/**
 * An observer of a node from its start to its end, such as a collector of metrics. It must not
 * throw.
 */
import type { Wal } from '@babuza/wal-core';
import type { RaftEventListener } from '../events.ts';
import type { RaftStatus, Readiness } from '../status.ts';
import type { TransportCounts } from './transport.ts';

export interface ObservedNode {
  /** Reads the status; to be called until the observation ends. */
  readonly status: () => RaftStatus;
  readonly readiness: () => Readiness;
  readonly subscribe: (listener: RaftEventListener) => () => void;
  /** Absent when the transport does not count. */
  readonly transport?: (() => TransportCounts) | undefined;
  readonly wal: Pick<Wal, 'groupId' | 'stats' | 'events'>;
}

export interface NodeObserver {
  /** Called when the node starts. The returned function is called when it ends. */
  observe(node: ObservedNode): () => void;
}
