/**
 * Which voter can take leadership, and whether enough members answer, with a core that leads, also
 * in a joint membership.
 */
import { MemoryStorage, RawNode, type Status } from '@babuza/raft-core';
import { emptyConfState, MessageType, newMessage, type ConfState } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import {
  activeSuccessor,
  bestSuccessor,
  isQuorumActive,
} from '../src/leadership/leadership-transfer.ts';

/** Node 1, which leads this membership, and has heard from no other member since. */
function leaderOf(membership: Partial<ConfState>, votersBeside: readonly bigint[]): RawNode {
  const storage = new MemoryStorage();
  const confState = { ...emptyConfState, ...membership };
  storage.applySnapshot({ metadata: { confState, index: 1, term: 1 } });
  const node = new RawNode({
    id: 1n,
    storage,
    applied: 1,
    electionTick: 10,
    heartbeatTick: 1,
    maxSizePerMsg: 1024,
    maxInflightMsgs: 16,
    random: () => 0,
  });
  const settle = (): void => {
    while (node.hasReady()) {
      const ready = node.ready();
      storage.append(ready.entries);
      if (ready.hardState !== undefined) storage.setHardState(ready.hardState);
      node.advance();
    }
  };
  node.campaign();
  settle();
  const { term } = node.basicStatus();
  for (const from of votersBeside) {
    node.step(newMessage({ type: MessageType.VoteResp, to: 1n, from, term }));
  }
  settle();
  return node;
}

function answer(node: RawNode, from: bigint, index?: number): void {
  const { term } = node.basicStatus();
  const type = index === undefined ? MessageType.HeartbeatResp : MessageType.AppResp;
  node.step(newMessage({ type, to: 1n, from, term, index: index ?? 0 }));
}

describe('a successor', () => {
  it('is the voter with the highest match index of those that have answered', () => {
    const node = leaderOf({ voters: [1n, 2n, 3n, 4n], learners: [5n] }, [2n, 3n, 4n]);
    expect(activeSuccessor(node.status())).toBeUndefined();
    answer(node, 5n, 2);
    expect(activeSuccessor(node.status())).toBeUndefined();
    answer(node, 3n);
    expect(activeSuccessor(node.status())).toBe(3n);
    answer(node, 4n, 2);
    expect(activeSuccessor(node.status())).toBe(4n);
    answer(node, 3n, 2);
    // The first of several with the same match index.
    expect(activeSuccessor(node.status())).toBe(3n);
    node.doubtMembers();
    expect(activeSuccessor(node.status())).toBeUndefined();
  });
});

describe('the voter that leadership is transferred to on request', () => {
  type Seen = readonly [id: bigint, match: number, recentActive: boolean, isLearner?: boolean];
  const best = (...members: readonly Seen[]): bigint | undefined => {
    const progress = members.map(([id, match, recentActive, isLearner = false]) => [
      id,
      { id, match, recentActive, isLearner },
    ]);
    return bestSuccessor({ id: 1n, progress: new Map(progress as never) } as unknown as Status);
  };
  const self: Seen = [1n, 100, true];

  it('is absent when there is no other voter', () => {
    expect([best(), best(self), best(self, [2n, 100, true, true])]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('has the highest match index of those that were heard from recently', () => {
    expect(best(self, [2n, 5, true], [3n, 7, true], [4n, 6, true])).toBe(3n);
    expect(best(self, [2n, 5, true], [3n, 9, false], [4n, 4, true])).toBe(2n);
    expect(best(self, [2n, 9, false], [3n, 5, true], [4n, 8, false])).toBe(3n);
  });

  it('has the highest match index of all when none was heard from', () => {
    expect(best(self, [2n, 5, false], [3n, 7, false], [4n, 6, false])).toBe(3n);
  });

  it('is the first of several with the same match index', () => {
    expect(best(self, [2n, 7, true], [3n, 7, true])).toBe(2n);
    expect(best(self, [2n, 7, false], [3n, 7, false])).toBe(2n);
  });
});

describe('a quorum that answers', () => {
  it('is more than half of the voters, the leader included', () => {
    const node = leaderOf({ voters: [1n, 2n, 3n, 4n] }, [2n, 3n]);
    const seen = [isQuorumActive(node.status())];
    for (const id of [2n, 3n]) {
      answer(node, id);
      seen.push(isQuorumActive(node.status()));
    }
    expect(seen).toEqual([false, false, true]);
  });

  it('is one of each half while the membership is joint', () => {
    const joint = { voters: [1n, 2n, 3n], votersOutgoing: [1n, 4n, 5n] };
    const node = leaderOf(joint, [2n, 3n, 4n, 5n]);
    answer(node, 2n);
    answer(node, 3n);
    expect(isQuorumActive(node.status())).toBe(false);
    answer(node, 5n);
    expect(isQuorumActive(node.status())).toBe(true);
  });
});
