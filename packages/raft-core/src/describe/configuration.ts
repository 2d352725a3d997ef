/** Texts of memberships, their changes, and the progress of members. */

import {
  confChangeAsV2,
  ConfChangeType,
  type ConfChange,
  type ConfChangeSingle,
  type ConfChangeV2,
  type ConfState,
} from '@babuza/raftpb';
import type { IdSet } from '../ids.ts';
import type { Progress } from '../tracker/progress.ts';
import type { MembershipConfig } from '../tracker/membership-config.ts';
import { confChangeTypeName, hex, listOf, progressStateName, transitionName } from './names.ts';
import { quote } from './quote.ts';

/** `(1 2 a)`, hexadecimal. */
export function describeIdSet(ids: IdSet): string {
  return `(${ids.map((id) => hex(id)).join(' ')})`;
}

/** `voters=(1 2 3)&&(1) learners=(4) autoleave`. */
export function describeMembership(config: MembershipConfig): string {
  const { incoming, outgoing, learners, learnersNext, autoLeave } = config;
  let text = `voters=${describeIdSet(incoming)}`;
  if (outgoing.length > 0) text += `&&${describeIdSet(outgoing)}`;
  if (learners.length > 0) text += ` learners=${describeIdSet(learners)}`;
  if (learnersNext.length > 0) text += ` learners_next=${describeIdSet(learnersNext)}`;
  return autoLeave ? `${text} autoleave` : text;
}

/** A membership as it is stored; its lists keep their order. */
export function describeConfState(confState: ConfState): string {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = confState;
  return (
    `Voters:${listOf(voters)} VotersOutgoing:${listOf(votersOutgoing)} ` +
    `Learners:${listOf(learners)} LearnersNext:${listOf(learnersNext)} AutoLeave:${autoLeave}`
  );
}

/** The operations of a change as etcd's data-driven tests write them: `v1 l2 r3 u4`. */
export function describeOperations(changes: readonly ConfChangeSingle[]): string {
  return changes.map(({ type, nodeId }) => `${operationLetter(type)}${nodeId}`).join(' ');
}

/** A change as in log lines. A change of the older form is printed as the equal newer one. */
export function describeConfChange(change: ConfChange | ConfChangeV2): string {
  const { transition, changes, context } = confChangeAsV2(change);
  let text = `transition:${transitionName(transition)}`;
  for (const { type, nodeId } of changes) {
    text += ` changes:{type:${confChangeTypeName(type)} node_id:${nodeId}}`;
  }
  if (context !== undefined && context.length > 0) text += ` context:${quote(context)}`;
  return text;
}

/** `StateReplicate match=4 next=5`, followed by what differs from the usual state. */
export function describeProgress(progress: Progress): string {
  const { state, match, next, inflights } = progress;
  let text = `${progressStateName(state)} match=${match} next=${next}`;
  if (progress.isLearner) text += ' learner';
  if (progress.isPaused()) text += ' paused';
  if (progress.pendingSnapshot > 0) text += ` pendingSnap=${progress.pendingSnapshot}`;
  if (!progress.recentActive) text += ' inactive';
  if (inflights.count > 0)
    text += ` inflight=${inflights.count}${inflights.full() ? '[full]' : ''}`;
  return text;
}

/** One line per member, in the given order. */
export function describeProgressMap(members: Iterable<Progress>): string {
  let text = '';
  for (const progress of members) text += `${progress.id}: ${describeProgress(progress)}\n`;
  return text;
}

function operationLetter(type: ConfChangeType): string {
  switch (type) {
    case ConfChangeType.AddNode:
      return 'v';
    case ConfChangeType.AddLearnerNode:
      return 'l';
    case ConfChangeType.RemoveNode:
      return 'r';
    case ConfChangeType.UpdateNode:
      return 'u';
    default:
      return 'unknown';
  }
}
