/** Leadership transfer: etcd-io/raft `raft.go`; Raft thesis, section 3.10. */

import { ConfChangeTransition, ConfChangeType, MessageType } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import { ReadOnlyOption, StateType } from '../src/index.ts';
import {
  bytesOf,
  clusterOf,
  codeOf,
  leaderOf,
  type Network,
  storageOf,
  taken,
  TestNode,
} from './support.ts';

function leadersOf(network: Network): bigint[] {
  return [...network.nodes.values()]
    .filter(({ state }) => state === StateType.Leader)
    .map(({ id }) => id);
}

function ledCluster(config: Parameters<typeof clusterOf>[1] = {}): Network {
  const network = clusterOf(3, config);
  network.campaign(1n);
  return network;
}

describe('leadership transfer', () => {
  it.each([{}, { checkQuorum: true }, { checkQuorum: true, preVote: true }])(
    'to an up-to-date node, despite its lease: %j',
    (config) => {
      const network = ledCluster(config);
      network.node(1n).raw.transferLeader(2n);
      network.settle();
      expect(leadersOf(network)).toEqual([2n]);
      network.node(2n).raw.transferLeader(1n);
      network.settle();
      expect(leadersOf(network)).toEqual([1n]);
    },
  );

  it('the target campaigns at once, never asks for pre-votes, and marks its requests', () => {
    const node = new TestNode(storageOf({ hardState: { term: 1 } }), { preVote: true });
    node.step({ type: MessageType.TimeoutNow, from: 2n, term: 1 });
    expect([node.state, node.term]).toEqual([StateType.Candidate, 2]);
    for (const { type, context } of taken(node)) {
      expect(type).toBe(MessageType.Vote);
      expect(new TextDecoder().decode(context)).toBe('CampaignTransfer');
    }
    // The requests of an ordinary campaign do not have that context.
    const ordinary = new TestNode(storageOf());
    ordinary.raw.campaign();
    expect(taken(ordinary).map(({ context }) => context)).toEqual([undefined, undefined]);
  });

  it('can be requested at a follower, and by the target itself', () => {
    for (const asked of [2n, 3n]) {
      const network = ledCluster();
      network.node(asked).raw.transferLeader(2n);
      network.settle();
      expect(leadersOf(network)).toEqual([2n]);
    }
  });

  it('a candidate ignores MsgTimeoutNow', () => {
    const node = new TestNode(storageOf());
    node.raw.campaign();
    node.step({ type: MessageType.TimeoutNow, from: 2n, term: 1 });
    expect(node.term).toBe(1);
  });

  it('to a slow follower: it first gets the entries that it lacks', () => {
    const network = ledCluster();
    network.isolate(3n);
    network.propose(1n, 'x');
    network.heal();
    const leader = network.node(1n);
    leader.raw.transferLeader(3n);
    expect(leader.progress(3n).match).toBe(1);
    network.settle();
    // The leader must notice the lost append.
    leader.tick(1);
    network.settle();
    expect(leadersOf(network)).toEqual([3n]);
    expect(network.node(3n).appliedTexts).toEqual(['x']);
  });

  it('to a follower that needs a snapshot', () => {
    const network = ledCluster();
    network.isolate(3n);
    network.propose(1n, 'x');
    network.propose(1n, 'y');
    const { storage } = network.node(1n);
    storage.createSnapshot(3, network.node(1n).confState);
    storage.compact(3);
    network.heal();
    network.node(1n).raw.transferLeader(3n);
    network.node(1n).raw.reportUnreachable(3n);
    network.node(1n).tick(1);
    network.settle();
    expect(leadersOf(network)).toEqual([3n]);
    expect(network.node(3n).storage.firstIndex()).toBe(4);
  });

  it('to itself, to an unknown node, and to a learner: the request is ignored', () => {
    const node = leaderOf(storageOf({ confState: { voters: [1n, 2n], learners: [3n] } }));
    taken(node);
    for (const id of [1n, 9n, 3n]) node.raw.transferLeader(id);
    expect([node.raft.leadTransferee, node.state, taken(node)]).toEqual([0n, StateType.Leader, []]);
  });

  it('proposals are dropped during a transfer, with the reason', () => {
    const network = ledCluster();
    network.isolate(3n);
    const leader = network.node(1n);
    leader.raw.transferLeader(3n);
    const before = leader.raft.log.lastIndex();
    for (const call of [
      () => leader.raw.propose(bytesOf('x')),
      () => leader.raw.proposeConfChange({ id: 0n, type: ConfChangeType.AddNode, nodeId: 4n }),
    ]) {
      expect(call).toThrow(expect.objectContaining({ reason: 'transferring' }));
      expect(codeOf(call)).toBe('RAFT_CORE_PROPOSAL_DROPPED');
    }
    expect(leader.raft.log.lastIndex()).toBe(before);
  });

  it('ends after an election timeout from its start', () => {
    const network = ledCluster();
    network.isolate(3n);
    const leader = network.node(1n);
    leader.tick(5);
    leader.raw.transferLeader(3n);
    leader.tick(9);
    expect(leader.raft.leadTransferee).toBe(3n);
    leader.tick(1);
    expect(leader.raft.leadTransferee).toBe(0n);
    expect(leader.raw.propose(bytesOf('x'))).toEqual({ index: 2, term: 1 });
  });

  it('ends with a message of a higher term', () => {
    const network = ledCluster();
    network.isolate(3n);
    const leader = network.node(1n);
    leader.raw.transferLeader(3n);
    leader.step({ type: MessageType.Vote, from: 2n, term: 2, index: 9, logTerm: 9 });
    expect([leader.state, leader.raft.leadTransferee]).toEqual([StateType.Follower, 0n]);
  });

  it.each([ConfChangeType.RemoveNode, ConfChangeType.AddLearnerNode])(
    'ends when the target is removed or demoted (change %i), but not while it votes in a joint membership',
    (type) => {
      const node = leaderOf(storageOf());
      node.settle();
      node.raw.transferLeader(3n);
      const change = {
        transition: ConfChangeTransition.JointExplicit,
        changes: [{ type, nodeId: 3n }],
      };
      node.raw.applyConfChange(change);
      expect(node.raft.leadTransferee).toBe(3n);
      node.raw.applyConfChange({ transition: ConfChangeTransition.Auto, changes: [] });
      expect(node.raft.leadTransferee).toBe(0n);
    },
  );

  it('a second transfer to another node replaces the first, and one to the same node is ignored', () => {
    const node = leaderOf(storageOf());
    node.settle();
    node.raw.transferLeader(3n);
    node.tick(4);
    node.raw.transferLeader(3n);
    // The first transfer keeps its timeout.
    expect([node.raft.leadTransferee, node.raft.electionElapsed]).toEqual([3n, 4]);
    node.raw.transferLeader(2n);
    expect([node.raft.leadTransferee, node.raft.electionElapsed]).toEqual([2n, 0]);
    // A transfer to the leader itself aborts the one under way.
    node.raw.transferLeader(1n);
    expect(node.raft.leadTransferee).toBe(0n);
  });

  it('without a leader, a follower drops the request', () => {
    const node = new TestNode(storageOf());
    node.raw.transferLeader(2n);
    expect(taken(node)).toEqual([]);
  });

  it('a follower forwards a copy of the request without its term', () => {
    const node = new TestNode(storageOf({ hardState: { term: 3 } }));
    node.step({ type: MessageType.Heartbeat, from: 2n, term: 3 });
    taken(node);
    node.step({ type: MessageType.TransferLeader, from: 3n, term: 3 });
    expect(taken(node)).toMatchObject([
      { type: MessageType.TransferLeader, to: 2n, from: 3n, term: 3 },
    ]);
  });
});

describe('forgetting the leader', () => {
  it('keeps term and timers, and lets a follower grant a pre-vote at once', () => {
    const network = ledCluster({ checkQuorum: true, preVote: true });
    const node = network.node(2n);
    node.tick(3);
    node.raw.forgetLeader();
    expect([node.raft.lead, node.term, node.raft.electionElapsed]).toEqual([0n, 1, 3]);
    network.isolate(1n);
    network.campaign(3n);
    expect(network.node(3n).state).toBe(StateType.Leader);
  });

  it('lasts until the next message of the leader', () => {
    const network = ledCluster();
    network.node(2n).raw.forgetLeader();
    network.node(1n).tick(1);
    network.settle();
    expect(network.node(2n).raft.lead).toBe(1n);
  });

  it('is ignored with lease-based reads, which rely on the lease', () => {
    const network = ledCluster({ checkQuorum: true, readOnlyOption: ReadOnlyOption.LeaseBased });
    const node = network.node(2n);
    node.raw.forgetLeader();
    expect(node.raft.lead).toBe(1n);
    expect(node.lines.at(-1)).toBe('ERROR ignoring MsgForgetLeader due to ReadOnlyLeaseBased');
  });

  it('has no effect on leaders and candidates', () => {
    const network = ledCluster();
    network.node(1n).raw.forgetLeader();
    expect([network.node(1n).raft.lead, network.node(1n).state]).toEqual([1n, StateType.Leader]);
    const candidate = new TestNode(storageOf());
    candidate.raw.campaign();
    candidate.raw.forgetLeader();
    expect(candidate.state).toBe(StateType.Candidate);
  });
});
