/**
 * Elections: etcd-io/raft `raft.go`; Raft paper, section 5.2; Raft thesis, sections 6.2, 6.4 and
 * 9.6.
 */

import {
  ConfChangeType,
  emptyConfState,
  EntryType,
  encodeConfChange,
  MessageType,
} from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import { StateType } from '../src/index.ts';
import { step } from '../src/step.ts';
import {
  answers,
  clusterOf,
  entriesOf,
  leaderOf,
  Network,
  storageOf,
  taken,
  TestNode,
} from './support.ts';

const transfer = new TextEncoder().encode('CampaignTransfer');

for (const preVote of [false, true]) {
  describe(preVote ? 'elections with pre-votes' : 'elections', () => {
    const candidate = preVote ? StateType.PreCandidate : StateType.Candidate;

    it('a majority elects a leader even if some members do not answer', () => {
      for (const silent of [[], [2n], [2n, 3n]]) {
        const network = clusterOf(5, { preVote });
        network.isolate(...silent);
        network.campaign(1n);
        expect(network.node(1n).state).toBe(StateType.Leader);
      }
    });

    it('a minority does not elect a leader', () => {
      const network = clusterOf(5, { preVote });
      network.isolate(3n, 4n, 5n);
      network.campaign(1n);
      expect([network.node(1n).state, network.node(1n).term]).toEqual([candidate, preVote ? 0 : 1]);
    });

    it('each node can become leader after another', () => {
      const network = clusterOf(3, { preVote });
      for (const id of [1n, 2n, 3n, 1n]) {
        network.campaign(id);
        for (const node of network.nodes.values()) {
          expect(node.state).toBe(node.id === id ? StateType.Leader : StateType.Follower);
        }
      }
    });

    it('a newer entry on a minority does not win the election, and is overwritten', () => {
      // Node 3 was leader of term 2 and has appended an entry; nodes 4 and 5 voted for it.
      const logs = ['1:1', '1:1', '1:2', '', ''];
      const nodes = logs.map((entries, at) => {
        const voters = [1n, 2n, 3n, 4n, 5n];
        const hardState = at < 2 ? { term: 1 } : { term: 2, vote: 3n };
        const storage = storageOf({ entries, voters, hardState });
        return new TestNode(storage, { id: BigInt(at + 1), preVote });
      });
      const network = new Network(nodes);
      network.campaign(1n);
      expect([network.node(1n).state, network.node(1n).term]).toEqual([StateType.Follower, 2]);
      network.campaign(1n);
      expect([network.node(1n).state, network.node(1n).term]).toEqual([StateType.Leader, 3]);
      expect([...network.nodes.values()].map((node) => node.log)).toEqual(logs.map(() => '1:1,3'));
    });

    it('only the first of two candidates gets the third vote, and the other concedes', () => {
      const network = clusterOf(3, { preVote });
      network.passes = ({ from, to }) => !(from === 1n && to === 3n) && !(from === 3n && to === 1n);
      network.campaign(1n);
      network.campaign(3n);
      expect(network.node(1n).state).toBe(StateType.Leader);
      // Node 2 knows a leader of this term, or has voted already.
      expect(network.node(3n).state).toBe(preVote ? StateType.Follower : StateType.Candidate);
      network.heal();
      // Its log is older than those of the others.
      network.campaign(3n);
      expect(network.node(3n).state).toBe(StateType.Follower);
      network.campaign(1n);
      expect(network.node(1n).state).toBe(StateType.Leader);
    });

    it('a single voter elects itself', () => {
      const network = clusterOf(1, { preVote });
      network.campaign(1n);
      expect([network.node(1n).state, network.node(1n).term]).toEqual([StateType.Leader, 1]);
    });

    it('the own vote counts once it is durable, and not after the election is lost', () => {
      const node = new TestNode(storageOf(), { preVote });
      node.raw.campaign();
      expect(node.raft.tracker.votes.size).toBe(0);
      for (const from of [2n, 3n]) {
        const type = preVote ? MessageType.PreVoteResp : MessageType.VoteResp;
        node.step({ type, from, term: preVote ? 0 : 1, reject: true });
      }
      expect(node.state).toBe(StateType.Follower);
      node.settle();
      expect(node.state).toBe(StateType.Follower);
    });

    it('a node that is not promotable does not campaign: no member, a learner, a pending snapshot', () => {
      const metadata = { confState: { ...emptyConfState, voters: [1n, 2n] }, index: 9, term: 1 };
      const withSnapshot = new TestNode(storageOf(), { preVote });
      withSnapshot.step({ type: MessageType.Snap, from: 2n, term: 1, snapshot: { metadata } });
      const others = [
        new TestNode(storageOf({ voters: [2n, 3n] }), { preVote }),
        new TestNode(storageOf({ confState: { voters: [2n], learners: [1n] } }), { preVote }),
        withSnapshot,
      ];
      for (const node of others) {
        node.raw.campaign();
        node.tick(50);
        node.step({ type: MessageType.TimeoutNow, from: 2n, term: node.term });
        expect(node.state).toBe(StateType.Follower);
        // It still counts ticks, so that the leader's lease expires.
        expect(node.raft.electionElapsed).toBe(50);
      }
    });
  });
}

describe('votes', () => {
  it.each([StateType.Follower, StateType.Candidate, StateType.PreCandidate, StateType.Leader])(
    'role %i: a node votes for a candidate of a higher term, and becomes a follower',
    (role) => {
      for (const type of [MessageType.Vote, MessageType.PreVote]) {
        const node =
          role === StateType.Leader
            ? leaderOf(storageOf())
            : new TestNode(storageOf(), { preVote: role === StateType.PreCandidate });
        if (role === StateType.Candidate || role === StateType.PreCandidate) node.raw.campaign();
        node.settle();
        const before = node.term;
        const index = node.raft.log.lastIndex();
        node.step({ type, from: 2n, term: before + 1, logTerm: node.raft.log.lastTerm(), index });
        const isVote = type === MessageType.Vote;
        expect(answers(node).at(-1)).toMatchObject({ to: 2n, reject: false, term: before + 1 });
        expect(node.state).toBe(isVote ? StateType.Follower : role);
        expect([node.term, node.raft.vote]).toEqual(
          isVote
            ? [before + 1, 2n]
            : [before, role === StateType.Follower || role === StateType.PreCandidate ? 0n : 1n],
        );
      }
    },
  );

  it.each([
    [0, [false, false, false, false]],
    [1, [false, false, false, false]],
    [2, [false, false, true, true]],
    [3, [true, true, true, true]],
  ])(
    'log 1:2,2: a candidate with last term %i and last index 0 to 3 gets votes %j',
    (logTerm, granted) => {
      for (const [index, expected] of granted.entries()) {
        for (const type of [MessageType.Vote, MessageType.PreVote]) {
          const node = new TestNode(storageOf({ entries: '1:2,2', hardState: { term: 3 } }));
          node.step({ type, from: 2n, term: type === MessageType.Vote ? 3 : 4, index, logTerm });
          expect(answers(node)).toMatchObject([{ reject: !expected }]);
        }
      }
    },
  );

  it('a follower that knows the leader of the term votes for no other candidate, even if it has not voted', () => {
    const node = new TestNode(storageOf({ hardState: { term: 1 } }), { id: 3n });
    node.step({ type: MessageType.App, from: 1n, term: 1 });
    answers(node);
    node.step({ type: MessageType.Vote, from: 2n, term: 1, index: 5, logTerm: 1 });
    expect(answers(node)).toMatchObject([{ type: MessageType.VoteResp, reject: true, term: 1 }]);
    expect(node.raft.vote).toBe(0n);
  });

  it('a granted vote starts a new election timeout, a granted pre-vote does not', () => {
    for (const [type, elapsed] of [
      [MessageType.Vote, 0],
      [MessageType.PreVote, 3],
    ] as const) {
      const node = new TestNode(storageOf({ hardState: { term: 1 } }));
      node.tick(3);
      node.step({ type, from: 2n, term: type === MessageType.Vote ? 1 : 2 });
      expect(answers(node)).toMatchObject([{ reject: false }]);
      expect(node.raft.electionElapsed).toBe(elapsed);
    }
  });

  it('a learner votes when asked, because it may be a voter without knowing', () => {
    const node = new TestNode(storageOf({ confState: { voters: [2n, 3n], learners: [1n] } }));
    node.step({ type: MessageType.Vote, from: 2n, term: 2 });
    expect(answers(node)).toMatchObject([{ type: MessageType.VoteResp, reject: false, term: 2 }]);
  });

  it('learners are not asked for votes, and do not campaign until they are promoted', () => {
    const network = clusterOf(3, {}, { voters: [1n, 2n], learners: [3n] });
    const [one, three] = [network.node(1n), network.node(3n)];
    one.raw.campaign();
    expect(taken(one, MessageType.Vote).map(({ to }) => to)).toEqual([2n]);
    three.tick(50);
    expect(three.state).toBe(StateType.Follower);
    network.campaign(1n);
    for (const node of network.nodes.values()) {
      node.raw.applyConfChange({ id: 0n, type: ConfChangeType.AddNode, nodeId: 3n });
    }
    network.campaign(3n);
    expect(three.state).toBe(StateType.Leader);
  });
});

describe('pre-votes', () => {
  it('a pre-candidate keeps its term, vote, timer and timeout', () => {
    const node = new TestNode(storageOf({ hardState: { term: 2, vote: 3n } }), { preVote: true });
    node.raft.randomizedElectionTimeout = 17;
    node.tick(4);
    node.raw.campaign();
    const { term, vote, electionElapsed, randomizedElectionTimeout } = node.raft;
    expect({ state: node.state, term, vote, electionElapsed, randomizedElectionTimeout }).toEqual({
      state: StateType.PreCandidate,
      term: 2,
      vote: 3n,
      electionElapsed: 4,
      randomizedElectionTimeout: 17,
    });
  });

  it('a pre-election restarts the timeout, so pre-votes are asked for once per timeout', () => {
    const node = new TestNode(storageOf({ hardState: { term: 2 } }), { preVote: true });
    const counts = [9, 1, 9, 1].map((ticks) => {
      node.tick(ticks);
      return taken(node, MessageType.PreVote).length;
    });
    expect([counts, node.state]).toEqual([[0, 2, 0, 2], StateType.PreCandidate]);
  });

  it('answers to an earlier pre-election do not count in the next one', () => {
    const node = new TestNode(storageOf({ hardState: { term: 2 } }), { preVote: true });
    const answer = { type: MessageType.PreVoteResp, from: 2n } as const;
    node.raw.campaign();
    node.step({ ...answer, term: 2, reject: true });
    node.raw.campaign();
    node.settle();
    node.step({ ...answer, term: 3 });
    expect(node.state).toBe(StateType.Candidate);
  });

  it('requests and grants have the next term, and no node enters it', () => {
    const node = new TestNode(storageOf({ hardState: { term: 2 } }), { preVote: true });
    node.raw.campaign();
    expect(taken(node).map(({ type, term }) => [type, term])).toEqual([
      [MessageType.PreVote, 3],
      [MessageType.PreVote, 3],
    ]);
    const other = new TestNode(storageOf({ hardState: { term: 2 } }), { id: 2n });
    other.step({ type: MessageType.PreVote, from: 1n, term: 3 });
    expect(answers(other)).toMatchObject([{ term: 3, reject: false }]);
    expect([other.term, other.raft.vote]).toEqual([2, 0n]);
  });

  it('a pre-vote request of a lower term is rejected with the own term', () => {
    const node = new TestNode(storageOf({ hardState: { term: 5 } }));
    node.step({ type: MessageType.PreVote, from: 2n, term: 3, index: 9, logTerm: 3 });
    expect(answers(node)).toMatchObject([
      { type: MessageType.PreVoteResp, to: 2n, term: 5, reject: true },
    ]);
  });

  it('a rejection of a higher term moves the pre-candidate to that term, a grant does not', () => {
    for (const [reject, state, term] of [
      [true, StateType.Follower, 7],
      [false, StateType.PreCandidate, 2],
    ] as const) {
      const voters = [1n, 2n, 3n, 4n, 5n];
      const node = new TestNode(storageOf({ voters, hardState: { term: 2 } }), { preVote: true });
      node.raw.campaign();
      node.settle();
      node.step({ type: MessageType.PreVoteResp, from: 2n, term: 7, reject });
      expect([node.state, node.term]).toEqual([state, term]);
    }
  });

  it('a candidate ignores a late own pre-vote', () => {
    const node = new TestNode(storageOf(), { preVote: true });
    node.raw.campaign();
    const own = answers(node);
    for (const from of [2n, 3n]) node.step({ type: MessageType.PreVoteResp, from, term: 1 });
    expect(node.state).toBe(StateType.Candidate);
    for (const message of own) step(node.raft, message);
    expect([node.state, node.raft.tracker.votes.size]).toEqual([StateType.Candidate, 0]);
  });

  it('without quorum checks there is no lease, so an up-to-date node can depose a leader', () => {
    const network = clusterOf(3, { preVote: true });
    network.campaign(1n);
    network.campaign(2n);
    expect(network.node(2n).state).toBe(StateType.Leader);
  });

  it('in a cluster where some nodes use pre-votes, a node with a higher term and an older log does not block elections', () => {
    const nodes = [1n, 2n, 3n].map(
      (id) =>
        new TestNode(
          storageOf({
            entries: id === 3n ? '1:1' : '1:1,1',
            hardState: { term: id === 3n ? 4 : 1 },
          }),
          { id, preVote: id !== 3n },
        ),
    );
    const network = new Network(nodes);
    // Node 3 does not use pre-votes yet. It has a higher term and cannot win.
    network.campaign(3n);
    expect(network.node(3n).state).not.toBe(StateType.Leader);
    network.campaign(1n);
    network.campaign(1n);
    expect(network.node(1n).state).toBe(StateType.Leader);
  });

  it('the next campaign resolves a split vote', () => {
    const network = clusterOf(3, { preVote: true });
    network.isolate(1n);
    network.node(2n).raw.campaign();
    network.node(3n).raw.campaign();
    network.settle();
    network.heal();
    network.campaign(2n);
    const leaders = [...network.nodes.values()].filter(({ state }) => state === StateType.Leader);
    expect(leaders.length).toBe(1);
  });
});

describe('quorum checks and the lease', () => {
  it('a leader stays while it hears from a quorum, and otherwise steps down in its own term', () => {
    const network = clusterOf(3, { checkQuorum: true });
    network.campaign(1n);
    const leader = network.node(1n);
    for (let round = 0; round < 30; round += 1) {
      leader.tick(1);
      network.settle();
    }
    expect(leader.state).toBe(StateType.Leader);
    network.isolate(1n);
    leader.tick(20);
    network.settle();
    expect([leader.state, leader.term, leader.raft.lead]).toEqual([StateType.Follower, 1, 0n]);
  });

  it('a leader counts itself in each quorum check', () => {
    const node = leaderOf(storageOf(), { checkQuorum: true });
    node.settle();
    for (let check = 0; check < 4; check += 1) {
      node.step({ type: MessageType.HeartbeatResp, from: 2n, term: node.term });
      node.tick(10);
      expect(node.state).toBe(StateType.Leader);
    }
    node.tick(10);
    expect(node.state).toBe(StateType.Follower);
  });

  it('vote requests of higher terms are ignored within an election timeout after a message of the leader', () => {
    for (const type of [MessageType.Vote, MessageType.PreVote]) {
      const node = new TestNode(storageOf({ hardState: { term: 1 } }), { checkQuorum: true });
      node.raft.randomizedElectionTimeout = 19;
      node.step({ type: MessageType.Heartbeat, from: 2n, term: 1 });
      taken(node);
      node.tick(9);
      node.step({ type, from: 3n, term: 2 });
      expect([node.term, answers(node), taken(node)]).toEqual([1, [], []]);
      // The lease lasts for `electionTick`, not for the random timeout.
      node.tick(1);
      node.step({ type, from: 3n, term: 2 });
      expect(answers(node)).toMatchObject([{ to: 3n, reject: false }]);
    }
  });

  it('the lease needs quorum checks and a known leader', () => {
    const without = new TestNode(storageOf({ hardState: { term: 1 } }));
    without.step({ type: MessageType.Heartbeat, from: 2n, term: 1 });
    without.step({ type: MessageType.Vote, from: 3n, term: 2 });
    expect(answers(without)).toMatchObject([{ reject: false }]);
    const leaderless = new TestNode(storageOf({ hardState: { term: 1 } }), { checkQuorum: true });
    leaderless.step({ type: MessageType.Vote, from: 3n, term: 2 });
    expect(answers(leaderless)).toMatchObject([{ reject: false }]);
  });

  it('a vote request with the context of a transfer passes the lease', () => {
    const node = new TestNode(storageOf({ hardState: { term: 1 } }), { checkQuorum: true });
    node.step({ type: MessageType.Heartbeat, from: 2n, term: 1 });
    node.step({ type: MessageType.Vote, from: 3n, term: 2, context: transfer });
    expect(answers(node)).toMatchObject([{ type: MessageType.VoteResp, to: 3n, reject: false }]);
    for (const context of [transfer.slice(1), Uint8Array.from([...transfer, 0])]) {
      const other = new TestNode(storageOf({ hardState: { term: 1 } }), { checkQuorum: true });
      other.step({ type: MessageType.Heartbeat, from: 2n, term: 1 });
      other.step({ type: MessageType.Vote, from: 3n, term: 2, context });
      expect(answers(other)).toEqual([]);
    }
  });

  it.each([
    { checkQuorum: true, preVote: false },
    { checkQuorum: false, preVote: true },
  ])(
    'a candidate with a higher term returns to the group through its answer to the leader: %j',
    (config) => {
      const network = clusterOf(3, config);
      network.campaign(1n);
      const stuck = network.node(3n);
      stuck.raft.term = 5;
      const leader = network.node(1n);
      leader.tick(1);
      network.settle();
      // Its empty answer of term 5 has made the leader a follower of that term.
      expect([leader.state, leader.term]).toEqual([StateType.Follower, 5]);
      // The leases of the others expire.
      for (const id of [2n, 3n]) network.node(id).tick(10);
      network.campaign(1n);
      expect(leader.state).toBe(StateType.Leader);
      expect(new Set([...network.nodes.values()].map(({ term }) => term)).size).toBe(1);
    },
  );

  it('without quorum checks and pre-votes, messages of an old leader are not answered', () => {
    const node = new TestNode(storageOf({ hardState: { term: 5 } }));
    node.step({ type: MessageType.App, from: 2n, term: 1 });
    node.step({ type: MessageType.Heartbeat, from: 2n, term: 1 });
    expect([...answers(node), ...taken(node)]).toEqual([]);
  });

  it('a node that returns from a partition deposes the leader without pre-votes, and not with them', () => {
    for (const preVote of [false, true]) {
      const network = clusterOf(3, { checkQuorum: true, preVote });
      network.campaign(1n);
      network.isolate(3n);
      network.node(3n).raw.campaign();
      network.settle();
      network.heal();
      network.node(1n).tick(1);
      network.settle();
      expect(network.node(1n).state).toBe(preVote ? StateType.Leader : StateType.Follower);
    }
  });

  it('learners do not count for the quorum', () => {
    const node = leaderOf(storageOf({ confState: { voters: [1n, 2n, 3n], learners: [4n, 5n] } }), {
      checkQuorum: true,
    });
    node.step({ type: MessageType.HeartbeatResp, from: 2n, term: 1 });
    node.tick(10);
    expect(node.state).toBe(StateType.Leader);
    node.step({ type: MessageType.HeartbeatResp, from: 4n, term: 1 });
    node.step({ type: MessageType.HeartbeatResp, from: 5n, term: 1 });
    node.tick(10);
    expect(node.state).toBe(StateType.Follower);
  });
});

describe('unapplied membership changes', () => {
  it.each([EntryType.ConfChange, EntryType.ConfChangeV2])(
    'a node does not campaign while an entry of type %i is committed and not applied',
    (type) => {
      const node = new TestNode(storageOf());
      const data = encodeConfChange({ id: 0n, type: ConfChangeType.UpdateNode, nodeId: 2n });
      const entries = [
        { index: 1, term: 1, type, ...(type === EntryType.ConfChange ? { data } : {}) },
        ...entriesOf('2:1'),
      ];
      node.step({ type: MessageType.App, from: 2n, term: 1, entries, commit: 1 });
      node.tick(30);
      node.step({ type: MessageType.TimeoutNow, from: 2n, term: 1 });
      expect([node.state, node.term]).toEqual([StateType.Follower, 1]);
      node.raft.log.appliedTo(1, entries.slice(0, 1));
      node.raw.campaign();
      expect(node.state).toBe(StateType.Candidate);
    },
  );
});
