/**
 * The rules of the Raft paper (Ongaro and Ousterhout, "In Search of an Understandable Consensus
 * Algorithm", extended version), section by section.
 */

import { emptyConfState, MessageType, newMessage } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import { StateType } from '../src/index.ts';
import {
  answers,
  clusterOf,
  entriesOf,
  leaderOf,
  storageOf,
  taken,
  TestNode,
  textOf,
} from './support.ts';

const roles = [StateType.Follower, StateType.Candidate, StateType.Leader] as const;

/** A node in term 1 with the given role. */
function nodeIn(role: (typeof roles)[number]): TestNode {
  if (role === StateType.Leader) return leaderOf(storageOf());
  const node = new TestNode(
    storageOf({ hardState: role === StateType.Follower ? { term: 1 } : {} }),
  );
  if (role === StateType.Candidate) node.raw.campaign();
  node.settle();
  return node;
}

describe('section 5.1: terms', () => {
  it.each(roles)(
    'role %i: a message of a higher term makes the node a follower of that term',
    (role) => {
      const node = nodeIn(role);
      node.step({ type: MessageType.App, from: 2n, term: 2 });
      expect([node.term, node.state, node.raft.lead]).toEqual([2, StateType.Follower, 2n]);
    },
  );

  it.each([
    MessageType.AppResp,
    MessageType.HeartbeatResp,
    MessageType.VoteResp,
    MessageType.Vote,
    MessageType.TimeoutNow,
  ])('message type %i of a higher term dethrones a leader, and names no other', (type) => {
    const node = leaderOf(storageOf());
    node.step({ type, from: 2n, term: 5 });
    expect(node.term).toBeGreaterThanOrEqual(5);
    expect(node.raft.lead).toBe(0n);
    expect(node.state).not.toBe(StateType.Leader);
  });

  it('a message of a lower term is ignored', () => {
    const node = new TestNode(storageOf({ entries: '1:1', hardState: { term: 2 } }));
    node.step({ type: MessageType.App, from: 2n, term: 1, entries: entriesOf('1:1,1') });
    node.step({ type: MessageType.Heartbeat, from: 2n, term: 1, commit: 1 });
    expect([node.log, node.committed, node.raft.lead]).toEqual(['1:1', 0, 0n]);
    expect([...taken(node), ...answers(node)]).toEqual([]);
  });
});

describe('section 5.2: leader election', () => {
  it('servers start as followers', () => {
    expect(new TestNode(storageOf()).state).toBe(StateType.Follower);
  });

  it('a leader sends heartbeats to all others every heartbeat timeout', () => {
    const node = leaderOf(storageOf(), { heartbeatTick: 2 });
    taken(node);
    node.tick(1);
    expect(taken(node)).toEqual([]);
    node.tick(1);
    expect(taken(node).map(({ type, to, term }) => [type, to, term])).toEqual([
      [MessageType.Heartbeat, 2n, 1],
      [MessageType.Heartbeat, 3n, 1],
    ]);
  });

  it.each([StateType.Follower, StateType.Candidate] as const)(
    'role %i: without a leader the node increments its term, votes for itself and asks all others',
    (role) => {
      const node = nodeIn(role);
      taken(node);
      node.tick(10);
      expect([node.state, node.term, node.raft.vote]).toEqual([StateType.Candidate, 2, 1n]);
      const requests = taken(node, MessageType.Vote);
      expect(requests.map(({ to, term }) => [to, term])).toEqual([
        [2n, 2],
        [3n, 2],
      ]);
    },
  );

  it.each([
    [1, [], StateType.Leader],
    [3, [[2, true]], StateType.Leader],
    [
      3,
      [
        [2, true],
        [3, true],
      ],
      StateType.Leader,
    ],
    [
      5,
      [
        [2, true],
        [3, true],
      ],
      StateType.Leader,
    ],
    [
      5,
      [
        [2, true],
        [3, true],
        [4, true],
        [5, true],
      ],
      StateType.Leader,
    ],
    [
      3,
      [
        [2, false],
        [3, false],
      ],
      StateType.Follower,
    ],
    [
      5,
      [
        [2, false],
        [3, false],
        [4, false],
        [5, false],
      ],
      StateType.Follower,
    ],
    [
      5,
      [
        [2, true],
        [3, false],
        [4, false],
        [5, false],
      ],
      StateType.Follower,
    ],
    [3, [], StateType.Candidate],
    [5, [[2, true]], StateType.Candidate],
    [
      5,
      [
        [2, false],
        [3, false],
      ],
      StateType.Candidate,
    ],
    [5, [], StateType.Candidate],
    // Only the first answer of a node counts.
    [
      5,
      [
        [2, false],
        [2, true],
        [3, true],
      ],
      StateType.Candidate,
    ],
  ] as const)('%i voters, answers %j: role %i', (count, votes, role) => {
    const voters = Array.from({ length: count }, (_, at) => BigInt(at + 1));
    const node = new TestNode(storageOf({ voters }));
    node.raw.campaign();
    node.settle();
    for (const [from, granted] of votes) {
      node.step({ type: MessageType.VoteResp, from: BigInt(from), term: 1, reject: !granted });
    }
    expect([node.state, node.term]).toEqual([role, 1]);
  });

  it.each([
    [0n, 1n, true],
    [0n, 2n, true],
    [1n, 1n, true],
    [2n, 2n, true],
    [1n, 2n, false],
    [2n, 1n, false],
  ])('one vote per term, first come: voted for %i, asked by %i: %s', (vote, from, granted) => {
    const node = new TestNode(storageOf({ hardState: { term: 1, vote } }), { id: 3n });
    node.step({ type: MessageType.Vote, from, term: 1 });
    const [answer] = answers(node);
    expect(answer).toMatchObject({
      type: MessageType.VoteResp,
      to: from,
      term: 1,
      reject: !granted,
    });
    expect(node.raft.vote).toBe(granted ? from : vote);
  });

  it.each([1, 2])('a candidate that hears a leader of term %i becomes its follower', (term) => {
    const node = nodeIn(StateType.Candidate);
    node.step({ type: MessageType.App, from: 2n, term });
    expect([node.state, node.term, node.raft.lead]).toEqual([StateType.Follower, term, 2n]);
  });

  it('election timeouts are random: each value from E to 2E - 1 occurs, and no other', () => {
    for (const role of [StateType.Follower, StateType.Candidate] as const) {
      const seen = new Set<number>();
      let drawn = 0;
      // This source returns evenly distributed numbers.
      const node = new TestNode(storageOf(), { random: () => ((drawn += 7) % 100) / 100 });
      for (let round = 0; round < 300; round += 1) {
        if (role === StateType.Follower) {
          node.step({ type: MessageType.App, from: 2n, term: node.term + 1 });
        } else node.raw.campaign();
        let ticks = 0;
        while (node.raft.term === round + 1 && ticks < 50) {
          node.raw.tick();
          ticks += 1;
        }
        seen.add(node.raft.randomizedElectionTimeout);
        if (role === StateType.Follower)
          node.step({ type: MessageType.App, from: 2n, term: round + 2 });
      }
      expect([...seen].sort((a, b) => a - b)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
    }
  });

  it('random numbers outside [0, 1) do not give a timeout outside [E, 2E - 1]', () => {
    for (const value of [1, 1.5, -0.1, Number.NaN]) {
      const { raft } = new TestNode(storageOf(), { random: () => value });
      expect(raft.randomizedElectionTimeout).toBeGreaterThanOrEqual(10);
      expect(raft.randomizedElectionTimeout).toBeLessThanOrEqual(19);
    }
  });

  it('random timeouts rarely make nodes campaign at the same time', () => {
    let state = 12_345;
    const random = (): number => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
      return state / 2 ** 31;
    };
    let conflicts = 0;
    const rounds = 500;
    for (let round = 0; round < rounds; round += 1) {
      const timeouts = [1, 2, 3, 4, 5].map(() => {
        const { raft } = new TestNode(storageOf(), { random, logger: undefined });
        return raft.randomizedElectionTimeout;
      });
      const first = Math.min(...timeouts);
      if (timeouts.filter((timeout) => timeout === first).length > 1) conflicts += 1;
    }
    // Five nodes draw from ten values. The lowest value is drawn twice in about one of four
    // elections.
    expect(conflicts / rounds).toBeLessThan(0.4);
  });
});

describe('section 5.3: log replication', () => {
  it('a proposal is appended and sent to all, with the previous entry and the commit index', () => {
    const network = clusterOf(3);
    network.campaign(1n);
    const leader = network.node(1n);
    const { committed } = leader;
    leader.propose('some data');
    expect([leader.raft.log.lastIndex(), leader.committed]).toEqual([committed + 1, committed]);
    expect(
      taken(leader).map(({ to, index, logTerm, commit, entries }) => ({
        to,
        index,
        logTerm,
        commit,
        text: textOf(entries),
      })),
    ).toEqual([2n, 3n].map((to) => ({ to, index: 1, logTerm: 1, commit: 1, text: '2:1' })));
  });

  it('an entry is committed once a majority has it, and is then handed out', () => {
    const network = clusterOf(3);
    network.campaign(1n);
    network.propose(1n, 'x');
    for (const node of network.nodes.values()) {
      expect([node.committed, node.appliedTexts]).toEqual([2, ['x']]);
    }
  });

  it.each([
    [1, [], true],
    [3, [], false],
    [3, [2], true],
    [3, [2, 3], true],
    [5, [], false],
    [5, [2], false],
    [5, [2, 3], true],
    [5, [2, 3, 4], true],
    [5, [2, 3, 4, 5], true],
  ])('%i voters, acknowledged by %j: committed %s', (count, acknowledged, committed) => {
    const voters = Array.from({ length: count }, (_, at) => BigInt(at + 1));
    const node = leaderOf(storageOf({ voters }));
    node.settle();
    node.propose('x');
    node.settle();
    for (const from of acknowledged) {
      node.step({ type: MessageType.AppResp, from: BigInt(from), term: 1, index: 2 });
    }
    expect(node.committed >= 2).toBe(committed);
  });

  it.each(['', '1:2', '1:1,2', '1:1'])(
    'all preceding entries are committed with it, even those of earlier leaders: %s',
    (entries) => {
      const node = leaderOf(storageOf({ entries, hardState: { term: 2 } }));
      node.settle();
      const index = node.raft.log.lastIndex();
      node.step({ type: MessageType.AppResp, from: 2n, term: 3, index });
      expect(node.committed).toBe(index);
      const [applied] = [node.raw.ready().committedEntries];
      expect(applied.map((entry) => entry.index)).toEqual(
        Array.from({ length: index }, (_, at) => at + 1),
      );
    },
  );

  it.each([
    ['1:1', 1],
    ['1:1,1', 2],
    ['1:1,1', 1],
  ])(
    'a follower that learns that %s is committed up to %i applies it in order',
    (entries, commit) => {
      const node = new TestNode(storageOf({ hardState: { term: 1 } }));
      node.step({ type: MessageType.App, from: 2n, term: 1, entries: entriesOf(entries), commit });
      const ready = node.raw.ready();
      expect(textOf(ready.committedEntries)).toBe(textOf(entriesOf(entries).slice(0, commit)));
    },
  );

  it.each([
    // previous term, previous index → index, reject, hint
    [0, 0, 1, false, 0],
    [1, 1, 1, false, 0],
    [2, 2, 2, false, 0],
    [1, 2, 2, true, 1],
    [3, 3, 3, true, 2],
  ])(
    'consistency check: after (term %i, index %i)',
    (logTerm, index, answered, reject, rejectHint) => {
      const node = new TestNode(storageOf({ entries: '1:1,2', hardState: { term: 2, commit: 1 } }));
      node.step({ type: MessageType.App, from: 2n, term: 2, logTerm, index });
      expect(answers(node)).toMatchObject([
        { type: MessageType.AppResp, term: 2, index: answered, reject, rejectHint },
      ]);
    },
  );

  it.each([
    [2, 2, '3:3', '1:1,2,3', '3:3'],
    [1, 1, '2:3,4', '1:1,3,4', '2:3,4'],
    [0, 0, '1:1', '1:1,2', ''],
    [0, 0, '1:3', '1:3', '1:3'],
  ])(
    'after (%i, %i), %s overwrites conflicting entries: log %s',
    (index, logTerm, entries, log, unstable) => {
      const node = new TestNode(storageOf({ entries: '1:1,2' }));
      node.step({
        type: MessageType.App,
        from: 2n,
        term: 5,
        logTerm,
        index,
        entries: entriesOf(entries),
      });
      expect(node.log).toBe(log);
      expect(textOf(node.raft.log.unstable.nextEntries())).toBe(unstable);
    },
  );

  it.each([
    ['1:1,1,1,4,4,5,5,6,6'],
    ['1:1,1,1,4'],
    ['1:1,1,1,4,4,5,5,6,6,6,6'],
    ['1:1,1,1,4,4,5,5,6,6,6,7,7'],
    ['1:1,1,1,4,4,4,4'],
    ['1:1,1,1,2,2,2,3,3,3,3,3'],
  ])('figure 7: a leader brings the follower %s in line', (follower) => {
    const leaderLog = '1:1,1,1,4,4,5,5,6,6,6';
    const lead = new TestNode(
      storageOf({ entries: leaderLog, hardState: { term: 8, commit: 10 } }),
    );
    const other = new TestNode(storageOf({ entries: follower, hardState: { term: 7 } }), {
      id: 2n,
    });
    lead.raw.campaign();
    lead.settle();
    // The vote of a third node makes it win.
    lead.step({ type: MessageType.VoteResp, from: 3n, term: 9 });
    const pending = lead.settle();
    while (pending.length > 0) {
      const message = pending.shift()!;
      const [from, to] = message.to === 2n ? [lead, other] : [other, lead];
      if (message.to === 3n) continue;
      to.raw.step(message);
      pending.push(...from.settle(), ...to.settle());
    }
    expect(lead.log).toBe(`${leaderLog},9`);
    expect(other.log).toBe(lead.log);
    expect(other.committed).toBe(11);
  });
});

describe('section 5.4: safety', () => {
  it.each([
    ['1:1', 2],
    ['1:1,2', 3],
  ])('a vote request has term, last index and last term of the candidate: %s', (entries, term) => {
    const node = new TestNode(storageOf({ hardState: { term: 0 } }));
    node.step({ type: MessageType.App, from: 2n, term: term - 1, entries: entriesOf(entries) });
    taken(node);
    node.tick(10);
    const last = entriesOf(entries).at(-1)!;
    expect(taken(node, MessageType.Vote)).toEqual(
      [2n, 3n].map((to) =>
        newMessage({
          type: MessageType.Vote,
          from: 1n,
          to,
          term,
          index: last.index,
          logTerm: last.term,
        }),
      ),
    );
  });

  it.each([
    ['1:1', 1, 1, true],
    ['1:1', 1, 2, true],
    ['1:1,1', 1, 1, false],
    ['1:1', 2, 1, true],
    ['1:1', 2, 2, true],
    ['1:1,1', 2, 1, true],
    ['1:2', 1, 1, false],
    ['1:2', 1, 2, false],
    ['1:2,1', 1, 1, false],
  ])(
    'section 5.4.1: log %s, candidate with (term %i, index %i): vote %s',
    (entries, logTerm, index, granted) => {
      const node = new TestNode(storageOf({ entries }));
      node.step({ type: MessageType.Vote, from: 2n, term: 3, logTerm, index });
      expect(answers(node)).toMatchObject([{ type: MessageType.VoteResp, reject: !granted }]);
    },
  );

  it.each([
    [1, 0],
    [2, 0],
    [3, 3],
  ])(
    'section 5.4.2: only entries of the own term are committed by counting: acknowledged %i → %i',
    (index, commit) => {
      const node = leaderOf(storageOf({ entries: '1:1,2', hardState: { term: 2 } }));
      expect(node.term).toBe(3);
      node.settle();
      node.step({ type: MessageType.AppResp, from: 2n, term: 3, index });
      expect(node.committed).toBe(commit);
    },
  );
});

it('section 7: a snapshot replaces a log that does not have its entry', () => {
  const node = new TestNode(storageOf({ entries: '1:1' }));
  const metadata = { confState: { ...emptyConfState, voters: [1n, 2n] }, index: 5, term: 2 };
  node.step({ type: MessageType.Snap, from: 2n, term: 2, snapshot: { metadata } });
  expect(node.settle()).toMatchObject([{ type: MessageType.AppResp, index: 5, reject: false }]);
  expect([node.storage.firstIndex(), node.committed]).toEqual([6, 5]);
});
