/**
 * The calls for a node that cannot do its work, which etcd's raft does not have: `stepDown`,
 * `withholdCampaigns` and `doubtMembers`.
 */

import { MessageType } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import { StateType } from '../src/index.ts';
import { clusterOf, storageOf, taken, TestNode, type Network } from './support.ts';

const config = { checkQuorum: true, preVote: true };

function ledCluster(): Network {
  const network = clusterOf(3, config);
  network.campaign(1n);
  return network;
}

describe('stepDown', () => {
  it('makes a leader a follower of its own term, without a leader, and keeps its vote', () => {
    const { raw, raft } = ledCluster().node(1n);
    raw.stepDown();
    expect(raw.basicStatus()).toMatchObject({
      raftState: StateType.Follower,
      lead: 0n,
      term: 1,
      vote: 1n,
    });
    expect(raft.electionElapsed).toBe(0);
  });

  it('writes nothing and sends nothing', () => {
    const network = ledCluster();
    const { raw } = network.node(1n);
    raw.stepDown();
    const { hardState, messages, mustSync } = raw.ready();
    expect([hardState, messages, mustSync]).toEqual([undefined, [], false]);
  });

  it('lets the others elect a leader after their election timeout', () => {
    const network = ledCluster();
    network.node(1n).raw.stepDown();
    network.settle();
    network.node(3n).tick(10);
    network.node(2n).tick(20);
    network.settle();
    expect([network.node(2n).state, network.node(2n).term]).toEqual([StateType.Leader, 2]);
  });

  it('has no effect on followers and candidates', () => {
    const network = ledCluster();
    network.node(2n).raw.stepDown();
    expect(network.node(2n).raft.lead).toBe(1n);
    const candidate = new TestNode(storageOf());
    candidate.raw.campaign();
    candidate.raw.stepDown();
    expect(candidate.state).toBe(StateType.Candidate);
  });
});

describe('withholdCampaigns', () => {
  it('keeps a follower from campaigning, and it forgets its leader after an election timeout', () => {
    const { raw, raft } = ledCluster().node(2n);
    raw.withholdCampaigns(true);
    for (let tick = 0; tick < 9; tick += 1) raw.tick();
    expect(raft.lead).toBe(1n);
    for (let tick = 0; tick < 20; tick += 1) raw.tick();
    expect([raft.state, raft.lead, raft.term]).toEqual([StateType.Follower, 0n, 1]);
    raw.withholdCampaigns(false);
    for (let tick = 0; tick < 20; tick += 1) raw.tick();
    expect(raft.state).toBe(StateType.PreCandidate);
  });

  it('keeps the target of a transfer from campaigning', () => {
    const network = ledCluster();
    network.node(2n).raw.withholdCampaigns(true);
    network.node(1n).raw.transferLeader(2n);
    network.settle();
    expect([network.node(1n).state, network.node(1n).term]).toEqual([StateType.Leader, 1]);
  });

  it('keeps a pre-candidate that wins from asking for votes', () => {
    const node = new TestNode(storageOf(), config);
    node.raw.campaign();
    node.settle();
    node.raw.withholdCampaigns(true);
    node.step({ type: MessageType.PreVoteResp, from: 2n, term: 1 });
    expect([node.state, node.term]).toEqual([StateType.PreCandidate, 0]);
  });

  it('does not keep a follower from voting', () => {
    const network = ledCluster();
    network.node(2n).raw.withholdCampaigns(true);
    network.node(2n).tick(20);
    network.node(3n).tick(20);
    network.isolate(1n);
    network.settle();
    expect(network.node(3n).state).toBe(StateType.Leader);
  });
});

describe('doubtMembers', () => {
  it('marks all members as inactive until they answer a heartbeat that is sent at once', () => {
    const network = ledCluster();
    const leader = network.node(1n);
    leader.tick(3);
    network.settle();
    leader.raw.doubtMembers();
    expect([2n, 3n].map((id) => leader.progress(id).recentActive)).toEqual([false, false]);
    expect(leader.raft.electionElapsed).toBe(0);
    expect(taken(leader).map(({ type, to }) => [type, to])).toEqual([
      [MessageType.Heartbeat, 2n],
      [MessageType.Heartbeat, 3n],
    ]);
    leader.raw.doubtMembers();
    network.settle();
    expect([2n, 3n].map((id) => leader.progress(id).recentActive)).toEqual([true, true]);
  });

  it('makes a leader without answers step down after an election timeout', () => {
    const network = ledCluster();
    network.isolate(1n);
    const leader = network.node(1n);
    leader.tick(1);
    leader.raw.doubtMembers();
    leader.tick(9);
    expect(leader.state).toBe(StateType.Leader);
    leader.tick(1);
    expect(leader.state).toBe(StateType.Follower);
  });

  it('has no effect on a follower', () => {
    const node = ledCluster().node(2n);
    node.tick(3);
    node.raw.doubtMembers();
    expect([node.raft.electionElapsed, taken(node)]).toEqual([3, []]);
  });
});
