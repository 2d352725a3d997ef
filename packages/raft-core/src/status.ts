/**
 * The status of a node: a copy that later calls do not change.
 *
 * Source: etcd-io/raft `status.go`; docs/raft-behaviour.md, section 17.
 */

import type { HardState } from '@babuza/raftpb';
import type { Progress } from './tracker/progress.ts';
import type { RaftState } from './state/raft-state.ts';
import { StateType, type SoftState } from './ready.ts';
import type { MembershipConfig } from './tracker/membership-config.ts';

export interface BasicStatus extends HardState, SoftState {
  readonly id: bigint;
  /** The last index that the application has applied. */
  readonly applied: number;
  /** The target of a leadership transfer; `0n` when there is none. */
  readonly leadTransferee: bigint;
}

export interface Status extends BasicStatus {
  readonly config: MembershipConfig;
  /** The progress of the members, ascending by id; empty on a node that is not the leader. */
  readonly progress: ReadonlyMap<bigint, Progress>;
}

export function basicStatusOf(raft: RaftState): BasicStatus {
  return {
    id: raft.id,
    ...raft.hardState(),
    ...raft.softState(),
    applied: raft.log.applied,
    leadTransferee: raft.leadTransferee,
  };
}

export function statusOf(raft: RaftState): Status {
  const members = raft.state === StateType.Leader ? raft.tracker.members : [];
  return {
    ...basicStatusOf(raft),
    config: raft.tracker.config,
    progress: new Map(members.map((member) => [member.id, member.clone()])),
  };
}
