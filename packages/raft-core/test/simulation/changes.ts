/**
 * Random membership changes that are still possible when they are committed. To propose a change
 * that is not, for instance one that removes all voters, is a fatal error of the user.
 */

import {
  ConfChangeTransition,
  ConfChangeType,
  leaveJointChange,
  type ConfChange,
  type ConfChangeSingle,
  type ConfChangeV2,
} from '@babuza/raftpb';
import type { MembershipConfig } from '../../src/index.ts';
import type { Random } from './random.ts';

const transitions = [
  ConfChangeTransition.Auto,
  ConfChangeTransition.JointImplicit,
  ConfChangeTransition.JointExplicit,
];

/** A change for a leader, which knows the membership in force and accepts one change at a time. */
export function drawChange(
  random: Random,
  ids: readonly bigint[],
  config: MembershipConfig,
): ConfChange | ConfChangeV2 {
  if (config.outgoing.length > 0) return leaveJointChange;
  if (random.chance(0.3)) return drawReplacement(random, ids, config);
  const votersMin = random.chance(0.15) ? 1 : Math.min(3, config.incoming.length);
  const count = random.chance(0.5) ? 1 : random.between(2, 4);
  const voters = new Set(config.incoming);
  const changes: ConfChangeSingle[] = [];
  for (let at = 0; at < count; at += 1) {
    const nodeId = random.pick(ids);
    if (changes.some((change) => change.nodeId === nodeId)) continue;
    const type = drawType(random, voters.has(nodeId) && voters.size <= votersMin);
    if (type === ConfChangeType.AddNode) voters.add(nodeId);
    else if (type !== ConfChangeType.UpdateNode) voters.delete(nodeId);
    changes.push({ type, nodeId });
  }
  const [only] = changes;
  if (changes.length === 1 && only !== undefined && random.chance(0.5)) return { id: 0n, ...only };
  return { transition: random.pick(transitions), changes };
}

/** A change to other voters. The two halves of the joint membership may have no voter in common. */
function drawReplacement(
  random: Random,
  ids: readonly bigint[],
  config: MembershipConfig,
): ConfChangeV2 {
  const shuffled = ids
    .map((id) => ({ id, place: random.next() + (config.incoming.includes(id) ? 0.3 : 0) }))
    .sort((a, b) => a.place - b.place)
    .map(({ id }) => id);
  const voters = shuffled.slice(0, random.between(1, Math.min(4, ids.length)));
  const added = voters.filter((id) => !config.incoming.includes(id));
  const removed = config.incoming.filter((id) => !voters.includes(id));
  const leavingType = random.pick([ConfChangeType.RemoveNode, ConfChangeType.AddLearnerNode]);
  return {
    transition: random.pick([
      ConfChangeTransition.JointImplicit,
      ConfChangeTransition.JointExplicit,
    ]),
    changes: [
      ...added.map((nodeId) => ({ type: ConfChangeType.AddNode, nodeId })),
      ...removed.map((nodeId) => ({ type: leavingType, nodeId })),
    ],
  };
}

/**
 * A change for a follower, whose leader may have another membership. It adds a voter, which is
 * always possible.
 */
export function drawForwardedChange(random: Random, ids: readonly bigint[]): ConfChange {
  return { id: 0n, type: ConfChangeType.AddNode, nodeId: random.pick(ids) };
}

function drawType(random: Random, mustStayVoter: boolean): ConfChangeType {
  if (mustStayVoter || random.chance(0.5)) return ConfChangeType.AddNode;
  return random.pick([
    ConfChangeType.RemoveNode,
    ConfChangeType.RemoveNode,
    ConfChangeType.AddLearnerNode,
    ConfChangeType.AddLearnerNode,
    ConfChangeType.UpdateNode,
  ]);
}
