/** How a node does the work of its Readys, and what that work needs of the node. */

import type { Entry, Message, Snapshot } from '@babuza/raftpb';
import type { RawNode, Ready } from '../../src/index.ts';
import type { Disk } from './disk.ts';

/** The work of one start of a node: `ReadyLoop` or `StorageThreads`. */
export interface StorageWork {
  /** Tells that there may be work to do. */
  wake(): void;
}

/** The node as its storage work sees it. */
export interface WorkingNode {
  readonly id: bigint;
  readonly disk: Disk;
  readonly running: RawNode;
  readonly leads: boolean;
  /** Calls `action` after `delay`, unless the node has crashed by then. */
  later(delay: number, what: string, action: (raw: RawNode) => void): void;
  /** How long a write, or a sync, takes now. */
  writeMs(): number;
  takeReady(): Ready;
  send(message: Message): void;
  mayApply(entries: readonly Entry[]): boolean;
  apply(entries: readonly Entry[]): void;
  install(snapshot: Snapshot): void;
}
