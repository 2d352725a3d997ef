/**
 * The start of a new group with its first members.
 *
 * Source: etcd-io/raft `bootstrap.go`.
 */

import {
  confChangeAsV2,
  ConfChangeType,
  encodeConfChange,
  EntryType,
  type ConfChange,
  type Entry,
} from '@babuza/raftpb';
import { becomeFollower } from './election/role-changes.ts';
import { BootstrapError } from './errors.ts';
import { none } from './ids.ts';
import { applyConfChange } from './membership/membership.ts';
import type { RaftState } from './state/raft-state.ts';

/** A first member of a group, for `RawNode.bootstrap`. */
export interface BootstrapPeer {
  readonly id: bigint;
  /** Data of the application. The change that adds the member has it as its context. */
  readonly context?: Uint8Array | undefined;
}

/**
 * Appends and commits one change per member, in term 1. See `RawNode.bootstrap`.
 *
 * @throws BootstrapError (`RAFT_CORE_BOOTSTRAP`) without peers, or when the storage is not empty.
 */
export function bootstrapGroup(raft: RaftState, peers: readonly BootstrapPeer[]): void {
  if (peers.length === 0) throw new BootstrapError('must provide at least one peer to Bootstrap');
  if (raft.config.storage.lastIndex() !== 0) {
    throw new BootstrapError("can't bootstrap a nonempty Storage");
  }
  becomeFollower(raft, 1, none);
  const changes = peers.map(({ id, context }): ConfChange =>
    context === undefined
      ? { id: 0n, type: ConfChangeType.AddNode, nodeId: id }
      : { id: 0n, type: ConfChangeType.AddNode, nodeId: id, context },
  );
  raft.log.append(
    changes.map((change, at): Entry => {
      const data = encodeConfChange(change);
      return { index: at + 1, term: 1, type: EntryType.ConfChange, data };
    }),
  );
  // Without members there is no quorum that could commit these entries. All first members commit
  // the same ones.
  raft.log.committed = changes.length;
  for (const change of changes) applyConfChange(raft, confChangeAsV2(change));
}
