/**
 * What a node tells about itself. All of it is copied: it does not change any more.
 *
 * Source: etcd-io/raft `status.go`; docs/raft-behaviour.md, section 17.
 */

import type { HardState } from '@babuza/raftpb';
import { hex, progressStateName, stateTypeName } from './describe/names.ts';
import type { Progress } from './progress.ts';
import type { Raft } from './raft.ts';
import { StateType, type SoftState } from './ready.ts';
import type { MembershipConfig } from './tracker.ts';

export interface BasicStatus extends HardState, SoftState {
  readonly id: bigint;
  /** Up to here the application has applied the log. */
  readonly applied: number;
  /** Leadership is being handed to this node; `0n` when to none. */
  readonly leadTransferee: bigint;
}

export interface Status extends BasicStatus {
  readonly config: MembershipConfig;
  /** Ascending by id; empty on a node that is not the leader. */
  readonly progress: ReadonlyMap<bigint, Progress>;
}

export function basicStatusOf(raft: Raft): BasicStatus {
  return {
    id: raft.id,
    ...raft.hardState(),
    ...raft.softState(),
    applied: raft.log.applied,
    leadTransferee: raft.leadTransferee,
  };
}

export function statusOf(raft: Raft): Status {
  const members = raft.state === StateType.Leader ? raft.tracker.members : [];
  return {
    ...basicStatusOf(raft),
    config: raft.tracker.config,
    progress: new Map(members.map((member) => [member.id, member.clone()])),
  };
}

/** The status as JSON text in etcd's form: ids hexadecimal, members ascending. */
export function statusJson(status: Status): string {
  // By hand: keys that look like numbers would be moved to the front, in another order.
  const progress = [...status.progress.values()].map(
    ({ id, match, next, state }) =>
      `"${hex(id)}":{"match":${match},"next":${next},"state":"${progressStateName(state)}"}`,
  );
  return (
    `{"id":"${hex(status.id)}","term":${status.term},"vote":"${hex(status.vote)}",` +
    `"commit":${status.commit},"lead":"${hex(status.lead)}",` +
    `"raftState":"${stateTypeName(status.raftState)}","applied":${status.applied},` +
    `"progress":{${progress.join(',')}},"leadtransferee":"${hex(status.leadTransferee)}"}`
  );
}
