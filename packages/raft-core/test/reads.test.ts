/** Linearizable reads: etcd-io/raft `read_only.go` and `raft.go`; Raft thesis, section 6.4. */

import { ConfChangeType, MessageType, newMessage, type Message } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import { ReadOnlyOption } from '../src/index.ts';
import {
  at,
  bytesOf,
  clusterOf,
  leaderOf,
  storageOf,
  taken,
  TestNode,
  type Network,
} from './support.ts';

function ledCluster(config: Parameters<typeof clusterOf>[1] = {}): Network {
  const network = clusterOf(4, config, { voters: [1n, 2n, 3n], learners: [4n] });
  network.campaign(1n);
  return network;
}

/** Returns the answers of a follower to heartbeats, in their order. */
function heartbeatAnswers(leader: TestNode, from: bigint): Message[] {
  return taken(leader, MessageType.Heartbeat)
    .filter(({ to }) => to === from)
    .map(({ context, term }) =>
      newMessage({ type: MessageType.HeartbeatResp, from, to: 1n, term, context }),
    );
}

describe.each([
  ['safe', {}],
  ['lease-based', { checkQuorum: true, readOnlyOption: ReadOnlyOption.LeaseBased }],
] as const)('reads, %s', (_name, config) => {
  it('at the leader, a follower and a learner give the commit index at the time of the read', () => {
    const network = ledCluster(config);
    for (const [round, id] of [1n, 2n, 4n].entries()) {
      for (let proposed = 0; proposed < 10; proposed += 1) network.propose(1n, 'x');
      const context = `ctx${round}`;
      network.node(id).raw.readIndex(bytesOf(context));
      network.settle();
      expect(network.node(id).reads).toEqual([`${context}@${1 + 10 * (round + 1)}`]);
    }
  });

  it('are answered by a new leader only after its first commit of the term', () => {
    const network = ledCluster(config);
    network.propose(1n, 'x');
    for (const id of [2n, 3n, 4n]) network.node(id).tick(10);
    // The acknowledgments of the new leader's entry are lost.
    network.passes = ({ type, entries }) => type !== MessageType.App || entries.length === 0;
    network.campaign(2n);
    const leader = network.node(2n);
    leader.raw.readIndex(bytesOf('early'));
    network.settle();
    expect(leader.reads).toEqual([]);
    network.heal();
    for (let round = 0; round < 3; round += 1) {
      leader.tick(1);
      network.settle();
    }
    expect(leader.reads).toEqual([`early@${leader.committed}`]);
  });
});

describe('reads', () => {
  it('a single voter answers at once, even before its first commit of the term', () => {
    const node = new TestNode(
      storageOf({ voters: [1n], entries: '1:1', hardState: { term: 1, commit: 1 } }),
    );
    node.raw.campaign();
    node.process();
    expect(node.committed).toBe(1);
    node.raw.readIndex(bytesOf('r'));
    expect(node.raft.readStates).toMatchObject([{ index: 1 }]);
  });

  it('a leader that is no voter any more asks the only voter, which may have another leader', () => {
    for (const type of [ConfChangeType.RemoveNode, ConfChangeType.AddLearnerNode]) {
      const node = leaderOf(storageOf({ voters: [1n, 2n] }));
      node.settle();
      node.step({ type: MessageType.AppResp, from: 2n, term: 1, index: 1 });
      node.settle();
      node.raw.applyConfChange({ id: 0n, type, nodeId: 1n });
      taken(node);
      node.raw.readIndex(bytesOf('r'));
      expect(node.raft.readStates).toEqual([]);
      for (const message of heartbeatAnswers(node, 2n)) node.raw.step(message);
      expect(node.raft.readStates).toMatchObject([{ index: 1 }]);
    }
  });

  it('without a leader, reads are dropped at a follower and at a candidate', () => {
    const node = new TestNode(storageOf());
    node.raw.readIndex(bytesOf('a'));
    node.raw.campaign();
    taken(node);
    node.raw.readIndex(bytesOf('b'));
    expect([taken(node), node.raft.readStates, node.raft.pendingReads]).toEqual([[], [], []]);
  });

  it('a read that is repeated with the same context is not answered by older confirmations', () => {
    const node = leaderOf(storageOf());
    node.settle();
    node.step({ type: MessageType.AppResp, from: 2n, term: 1, index: 1 });
    node.settle();
    taken(node);
    node.raw.readIndex(bytesOf('same'));
    const delayed = heartbeatAnswers(node, 2n);
    // More is committed, and the caller repeats the read with the same context.
    node.propose('x');
    node.settle();
    node.step({ type: MessageType.AppResp, from: 2n, term: 1, index: 2 });
    node.settle();
    taken(node);
    node.raw.readIndex(bytesOf('same'));
    for (const message of delayed) node.raw.step(message);
    expect(node.raft.readStates.map(({ index }) => index)).toEqual([1]);
    for (const message of heartbeatAnswers(node, 2n)) node.raw.step(message);
    expect(node.raft.readStates.map(({ index }) => index)).toEqual([1, 2]);
  });

  it('answers to an earlier leadership confirm nothing', () => {
    const node = leaderOf(storageOf());
    node.settle();
    node.step({ type: MessageType.AppResp, from: 2n, term: 1, index: 1 });
    node.settle();
    taken(node);
    node.raw.readIndex(bytesOf('old'));
    const old = heartbeatAnswers(node, 2n);
    node.step({ type: MessageType.App, from: 3n, term: 2 });
    node.raw.campaign();
    node.settle();
    node.step({ type: MessageType.VoteResp, from: 2n, term: 3 });
    node.settle();
    node.step({ type: MessageType.AppResp, from: 2n, term: 3, index: node.raft.log.lastIndex() });
    node.settle();
    taken(node);
    node.raw.readIndex(bytesOf('new'));
    for (const message of old) node.raw.step(message);
    expect([node.raft.readStates, node.raft.readOnly.length]).toEqual([[], 1]);
    for (const message of heartbeatAnswers(node, 2n)) node.raw.step(message);
    expect(node.raft.readStates.length).toBe(1);
  });

  it('one answer confirms all earlier reads, in order, and they are removed', () => {
    const node = leaderOf(storageOf());
    node.settle();
    node.step({ type: MessageType.AppResp, from: 2n, term: 1, index: 1 });
    node.settle();
    taken(node);
    for (const context of ['a', 'b', 'c']) node.raw.readIndex(bytesOf(context));
    const confirmations = heartbeatAnswers(node, 2n);
    expect(confirmations.map(({ context }) => context?.[0])).toEqual([1, 2, 3]);
    node.raw.step(at(confirmations, 1));
    expect(
      node.raft.readStates.map(({ requestContext }) => String.fromCodePoint(...requestContext)),
    ).toEqual(['a', 'b']);
    expect(node.raft.readOnly.length).toBe(1);
    // Each heartbeat asks for confirmation while a read is unconfirmed, and none does afterwards.
    node.tick(1);
    expect(taken(node).map(({ context }) => context?.length)).toEqual([8, 8]);
    node.raw.step(at(confirmations, 2));
    node.tick(1);
    expect(taken(node).map(({ context }) => context)).toEqual([undefined, undefined]);
    expect(node.raft.readOnly.length).toBe(0);
  });

  it('a confirmation needs a quorum of voters, and learners do not count', () => {
    const confState = { voters: [1n, 2n, 3n], learners: [4n, 5n] };
    const node = leaderOf(storageOf({ confState }));
    node.settle();
    node.step({ type: MessageType.AppResp, from: 2n, term: 1, index: 1 });
    node.settle();
    taken(node);
    node.raw.readIndex(bytesOf('r'));
    const confirmed = at(heartbeatAnswers(node, 4n), 0);
    for (const from of [4n, 5n]) node.raw.step({ ...confirmed, from });
    expect(node.raft.readStates).toEqual([]);
    node.raw.step({ ...confirmed, from: 3n });
    expect(node.raft.readStates.length).toBe(1);
  });

  it('a confirmation needs a quorum of both halves of a joint membership', () => {
    const confState = { voters: [1n, 2n, 3n], votersOutgoing: [1n, 4n, 5n] };
    const node = leaderOf(storageOf({ confState }), {}, [2n, 4n]);
    for (const from of [2n, 4n]) node.step({ type: MessageType.AppResp, from, term: 1, index: 1 });
    node.settle();
    taken(node);
    for (const [first, second] of [
      [2n, 5n],
      [4n, 3n],
    ] as const) {
      node.raw.readIndex(bytesOf('r'));
      const confirmed = at(heartbeatAnswers(node, 2n), 0);
      const before = node.raft.readStates.length;
      node.raw.step({ ...confirmed, from: first });
      expect(node.raft.readStates.length).toBe(before);
      node.raw.step({ ...confirmed, from: second });
      expect(node.raft.readStates.length).toBe(before + 1);
    }
  });

  it('an answer with a position that was never sent confirms nothing', () => {
    const node = leaderOf(storageOf());
    node.settle();
    node.step({ type: MessageType.AppResp, from: 2n, term: 1, index: 1 });
    node.settle();
    node.raw.readIndex(bytesOf('r'));
    for (const context of [
      new Uint8Array(8).fill(0xff),
      new Uint8Array(7),
      Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0),
    ]) {
      node.step({ type: MessageType.HeartbeatResp, from: 2n, term: 1, context });
    }
    expect(node.raft.readStates).toEqual([]);
  });

  it('an answer with more or less than one entry is ignored', () => {
    const node = new TestNode(storageOf({ hardState: { term: 1 } }));
    node.step({ type: MessageType.ReadIndexResp, from: 2n, term: 1, index: 5 });
    expect(node.raft.readStates).toEqual([]);
  });

  it('a read that waits for the first commit of the term survives the loss of leadership', () => {
    const node = leaderOf(storageOf());
    node.raw.readIndex(bytesOf('waiting'));
    node.step({ type: MessageType.App, from: 2n, term: 2 });
    expect(node.raft.pendingReads.length).toBe(1);
    // Once it leads again, it answers with the commit index of that time.
    node.raw.campaign();
    node.settle();
    node.step({ type: MessageType.VoteResp, from: 2n, term: 3 });
    node.settle();
    const index = node.raft.log.lastIndex();
    node.step({ type: MessageType.AppResp, from: 2n, term: 3, index });
    for (const message of heartbeatAnswers(node, 2n)) node.raw.step(message);
    expect(node.raft.readStates).toMatchObject([{ index }]);
    expect(node.raft.pendingReads).toEqual([]);
  });
});
