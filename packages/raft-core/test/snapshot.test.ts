/** Snapshots: etcd-io/raft `raft.go`, `maybeSendSnapshot` and `restore`; Raft paper, section 7. */

import {
  ConfChangeType,
  emptyConfState,
  MessageType,
  type ConfState,
  type Entry,
  type Snapshot,
} from '@babuza/raftpb';
import { CompactedError } from '@babuza/wal-core/storage';
import { describe, expect, it } from 'vitest';
import { MemoryStorage, ProgressState, StateType } from '../src/index.ts';
import { at, clusterOf, leaderOf, storageOf, taken, TestNode, textOf } from './support.ts';

function snapshotOf(confState: Partial<ConfState>, index = 11, term = 11): Snapshot {
  return { metadata: { confState: { ...emptyConfState, ...confState }, index, term } };
}

/** A leader whose log follows a snapshot at index 11. Member 2 has far fewer entries. */
function leaderWithSnapshot(): TestNode {
  const node = leaderOf(
    storageOf({ index: 11, term: 11, voters: [1n, 2n], hardState: { term: 11, commit: 11 } }),
  );
  node.settle();
  const member = node.progress(2n);
  member.recentActive = true;
  member.becomeProbe();
  member.next = node.raft.log.firstIndex();
  return node;
}

describe('sending', () => {
  it('a member that needs compacted entries gets a snapshot, and no entries until it answers', () => {
    const node = leaderWithSnapshot();
    node.step({
      type: MessageType.AppResp,
      from: 2n,
      term: 12,
      index: 11,
      reject: true,
      rejectHint: 0,
    });
    expect(taken(node, MessageType.Snap)).toMatchObject([
      { to: 2n, snapshot: snapshotOf({ voters: [1n, 2n] }) },
    ]);
    expect(node.progress(2n)).toMatchObject({
      state: ProgressState.Snapshot,
      pendingSnapshot: 11,
      next: 12,
      sentCommit: 11,
    });
    node.propose('x');
    node.step({ type: MessageType.HeartbeatResp, from: 2n, term: 12 });
    expect(taken(node)).toEqual([]);
  });

  it('a member that was not recently active gets no snapshot before it answers', () => {
    const node = leaderWithSnapshot();
    const member = node.progress(2n);
    member.recentActive = false;
    member.next = 5;
    node.propose('x');
    expect([taken(node), member.state]).toEqual([[], ProgressState.Probe]);
    node.step({ type: MessageType.HeartbeatResp, from: 2n, term: 12 });
    expect(taken(node, MessageType.Snap).length).toBe(1);
  });

  it('a storage without a snapshot at the moment is asked again at the next occasion', () => {
    class Later extends MemoryStorage {
      ready = false;
      override snapshot(): Snapshot {
        return this.ready ? snapshotOf({ voters: [1n, 2n] }) : super.snapshot();
      }
    }
    const storage = new Later();
    storage.applySnapshot(snapshotOf({ voters: [1n, 2n] }, 0, 0));
    const node = leaderOf(storage);
    node.settle();
    storage.compact(1);
    node.progress(2n).recentActive = true;
    node.progress(2n).becomeProbe();
    node.step({ type: MessageType.HeartbeatResp, from: 2n, term: 1 });
    expect([taken(node), node.progress(2n).state]).toEqual([[], ProgressState.Probe]);
    storage.ready = true;
    node.step({ type: MessageType.HeartbeatResp, from: 2n, term: 1 });
    expect(taken(node, MessageType.Snap).length).toBe(1);
  });

  it.each([
    [new Error('disk'), 'disk'],
    [undefined, 'need non-empty snapshot'],
  ])('an error of the storage, or an empty snapshot, stops the node: %s', (error, text) => {
    class Broken extends MemoryStorage {
      override snapshot(): Snapshot {
        if (error !== undefined) throw error;
        return snapshotOf({}, 0, 0);
      }
    }
    const storage = new Broken();
    storage.applySnapshot(snapshotOf({ voters: [1n, 2n] }, 0, 0));
    const node = leaderOf(storage);
    node.settle();
    storage.compact(1);
    node.progress(2n).recentActive = true;
    node.progress(2n).becomeProbe();
    expect(() => node.step({ type: MessageType.HeartbeatResp, from: 2n, term: 1 })).toThrow(
      expect.objectContaining({ code: 'RAFT_CORE_PANIC', message: text }),
    );
  });

  it('entries that are compacted while they are read: a snapshot replaces a required append, and nothing an optional one', () => {
    class Compacting extends MemoryStorage {
      compacted = false;
      override entries(lo: number, hi: number, maxBytes: number): Entry[] {
        if (this.compacted) throw new CompactedError(lo, hi);
        return super.entries(lo, hi, maxBytes);
      }
    }
    const storage = new Compacting();
    storage.applySnapshot(snapshotOf({ voters: [1n, 2n] }));
    storage.setHardState({ term: 11, vote: 0n, commit: 11 });
    const node = leaderOf(storage);
    node.settle();
    const member = node.progress(2n);
    member.recentActive = true;
    member.becomeProbe();
    member.next = 12;
    storage.compacted = true;
    node.raw.applyConfChange({ id: 0n, type: ConfChangeType.UpdateNode, nodeId: 2n });
    expect([taken(node), member.state]).toEqual([[], ProgressState.Probe]);
    node.step({ type: MessageType.HeartbeatResp, from: 2n, term: 12 });
    expect(taken(node).map(({ type }) => type)).toEqual([MessageType.Snap]);
  });

  it('a node that was cut off catches up by a snapshot, and then by appends', () => {
    const network = clusterOf(3);
    network.campaign(1n);
    network.isolate(3n);
    for (let count = 0; count <= 100; count += 1) network.propose(1n, `${count}`);
    const leader = network.node(1n);
    leader.storage.createSnapshot(leader.raft.log.applied, leader.confState);
    leader.storage.compact(leader.raft.log.applied);
    network.heal();
    const sent: MessageType[] = [];
    network.passes = ({ type, to }) => {
      if (to === 3n) sent.push(type);
      return true;
    };
    leader.tick(1);
    network.settle();
    network.propose(1n, 'last');
    expect(sent.filter((type) => type === MessageType.Snap).length).toBe(1);
    expect(network.node(3n).committed).toBe(leader.committed);
    expect(network.node(3n).appliedTexts).toEqual(['last']);
    expect(leader.progress(3n)).toMatchObject({ state: ProgressState.Replicate });
  });
});

describe('the outcome at the leader', () => {
  it('failure: the member is probed from its match on, after the next heartbeat response', () => {
    const node = leaderWithSnapshot();
    node.progress(2n).becomeSnapshot(11);
    node.raw.reportSnapshot(2n, 'failure');
    expect(node.progress(2n)).toMatchObject({
      state: ProgressState.Probe,
      pendingSnapshot: 0,
      next: 1,
      msgAppFlowPaused: true,
    });
  });

  it('success: the member is probed from the end of the snapshot on, after its acknowledgment', () => {
    const node = leaderWithSnapshot();
    node.progress(2n).becomeSnapshot(11);
    node.raw.reportSnapshot(2n, 'finish');
    expect(node.progress(2n)).toMatchObject({
      state: ProgressState.Probe,
      pendingSnapshot: 0,
      next: 12,
      msgAppFlowPaused: true,
    });
  });

  it('a report about a member in another state is ignored', () => {
    const node = leaderWithSnapshot();
    node.progress(2n).becomeReplicate();
    node.raw.reportSnapshot(2n, 'failure');
    expect(node.progress(2n).state).toBe(ProgressState.Replicate);
  });

  it('an acknowledgment that reaches the log ends the state Snapshot, whichever snapshot was sent', () => {
    const node = leaderWithSnapshot();
    node.propose('x');
    taken(node);
    node.progress(2n).becomeSnapshot(13);
    node.step({ type: MessageType.AppResp, from: 2n, term: 12, index: 10 });
    expect(node.progress(2n).state).toBe(ProgressState.Snapshot);
    node.step({ type: MessageType.AppResp, from: 2n, term: 12, index: 11 });
    expect(node.progress(2n)).toMatchObject({ state: ProgressState.Replicate, match: 11 });
    expect(taken(node, MessageType.App).flatMap(({ entries }) => textOf(entries))).toContain(
      '12:12,12',
    );
  });
});

describe('receiving', () => {
  it('replaces log and membership, is answered once it is durable, and moves the applied index', () => {
    const node = new TestNode(storageOf({ entries: '1:1', voters: [1n, 2n] }));
    const snapshot = snapshotOf({ voters: [1n, 2n, 3n] });
    node.step({ type: MessageType.Snap, from: 2n, term: 11, snapshot });
    const { log, tracker } = node.raft;
    expect([log.lastIndex(), log.term(11), log.committed, log.applied]).toEqual([11, 11, 11, 0]);
    expect(tracker.config.incoming).toEqual([1n, 2n, 3n]);
    // The progress of each member starts at the last entry of the log.
    expect(tracker.members.map(({ match, next }) => [match, next])).toEqual([
      [0, 11],
      [0, 11],
      [0, 11],
    ]);
    expect(node.raft.promotable()).toBe(false);
    const ready = node.raw.ready();
    expect([ready.snapshot, ready.committedEntries]).toEqual([snapshot, []]);
    expect(ready.messages).toMatchObject([{ type: MessageType.AppResp, index: 11 }]);
    node.storage.applySnapshot(snapshot);
    node.raw.advance();
    expect([log.applied, node.raft.promotable()]).toEqual([11, true]);
  });

  it.each([
    [{ voters: [2n, 3n], learners: [1n] }, true, false],
    [{ voters: [2n], votersOutgoing: [1n, 2n] }, false, true],
    [{ voters: [1n, 2n], learners: [3n] }, false, true],
    [{ voters: [2n], votersOutgoing: [1n], learnersNext: [1n], autoLeave: true }, false, true],
  ] as readonly (readonly [Partial<ConfState>, boolean, boolean])[])(
    'membership %#: learner %s, promotable %s',
    (confState, isLearner, promotable) => {
      const node = new TestNode(storageOf({ voters: [1n, 2n] }));
      node.step({ type: MessageType.Snap, from: 2n, term: 11, snapshot: snapshotOf(confState) });
      node.settle();
      expect([node.raft.isLearner, node.raft.promotable()]).toEqual([isLearner, promotable]);
      expect(node.raft.tracker.config.outgoing).toEqual(confState.votersOutgoing ?? []);
    },
  );

  it('a snapshot can promote a learner and demote a voter', () => {
    const changes: readonly (readonly [Partial<ConfState>, Partial<ConfState>])[] = [
      [{ voters: [2n], learners: [1n] }, { voters: [1n, 2n] }],
      [{ voters: [1n, 2n] }, { voters: [2n], learners: [1n] }],
    ];
    for (const [before, after] of changes) {
      const node = new TestNode(storageOf({ confState: before }));
      const wasLearner = node.raft.isLearner;
      node.step({ type: MessageType.Snap, from: 2n, term: 11, snapshot: snapshotOf(after) });
      expect(node.raft.isLearner).toBe(!wasLearner);
    }
  });

  it('a snapshot at or below the commit index is ignored, and answered with the commit index', () => {
    const node = new TestNode(storageOf({ entries: '1:1,1', hardState: { term: 1, commit: 2 } }));
    node.step({
      type: MessageType.Snap,
      from: 2n,
      term: 1,
      snapshot: snapshotOf({ voters: [1n] }, 2, 1),
    });
    expect(node.settle()).toMatchObject([{ type: MessageType.AppResp, index: 2, reject: false }]);
    expect(node.log).toBe('1:1,1');
  });

  it('a snapshot that ends with an entry of the log raises the commit index and keeps the log', () => {
    const node = new TestNode(storageOf({ entries: '1:1,1,1', hardState: { term: 1, commit: 1 } }));
    node.step({
      type: MessageType.Snap,
      from: 2n,
      term: 1,
      snapshot: snapshotOf({ voters: [1n, 2n] }, 2, 1),
    });
    expect([node.committed, node.log]).toEqual([2, '1:1,1,1']);
    expect(node.settle()).toMatchObject([{ type: MessageType.AppResp, index: 2 }]);
  });

  it('a snapshot whose membership does not name this node is ignored', () => {
    const node = new TestNode(storageOf());
    node.step({
      type: MessageType.Snap,
      from: 2n,
      term: 1,
      snapshot: snapshotOf({ voters: [2n, 3n] }),
    });
    expect([node.raft.log.lastIndex(), node.raft.tracker.config.incoming]).toEqual([
      0,
      [1n, 2n, 3n],
    ]);
  });

  it('a candidate that gets a snapshot follows its sender', () => {
    const node = new TestNode(storageOf());
    node.raw.campaign();
    node.step({
      type: MessageType.Snap,
      from: 2n,
      term: 1,
      snapshot: snapshotOf({ voters: [1n, 2n] }),
    });
    expect([node.state, node.raft.lead, node.raft.log.lastIndex()]).toEqual([
      StateType.Follower,
      2n,
      11,
    ]);
  });

  it('a membership with a broken invariant stops the node', () => {
    const node = new TestNode(storageOf());
    const snapshot = snapshotOf({ voters: [1n, 2n], learners: [2n] });
    expect(() => node.step({ type: MessageType.Snap, from: 2n, term: 1, snapshot })).toThrow(
      expect.objectContaining({ code: 'RAFT_CORE_PANIC' }),
    );
  });

  it('a late report of the apply thread about entries below the snapshot changes nothing', () => {
    const node = new TestNode(
      storageOf({ entries: '1:1,1', hardState: { term: 1, commit: 2 }, voters: [1n, 2n] }),
      { asyncStorageWrites: true },
    );
    const apply = at(node.raw.ready().messages, -1);
    expect([apply.type, textOf(apply.entries)]).toEqual([MessageType.StorageApply, '1:1,1']);
    const snapshot = snapshotOf({ voters: [1n, 2n] }, 9, 1);
    node.step({ type: MessageType.Snap, from: 2n, term: 1, snapshot });
    for (const response of at(node.raw.ready().messages, 0).responses) {
      if (response.to === 1n) node.raw.step(response);
    }
    node.storage.applySnapshot(snapshot);
    expect(node.raft.log.applied).toBe(9);
    for (const response of apply.responses) node.raw.step(response);
    expect([node.raft.log.applied, node.raft.log.applying, node.raw.hasReady()]).toEqual([
      9,
      9,
      false,
    ]);
  });

  it('the report about a first snapshot does not complete a second one', () => {
    const node = new TestNode(storageOf(), { asyncStorageWrites: true });
    node.step({
      type: MessageType.Snap,
      from: 2n,
      term: 1,
      snapshot: snapshotOf({ voters: [1n, 2n] }, 5, 1),
    });
    const { messages } = node.raw.ready();
    node.step({
      type: MessageType.Snap,
      from: 2n,
      term: 1,
      snapshot: snapshotOf({ voters: [1n, 2n] }, 9, 1),
    });
    for (const response of at(messages, 0).responses)
      if (response.to === 1n) node.raw.step(response);
    expect(node.raft.log.unstable.snapshot?.metadata.index).toBe(9);
    expect([node.raft.log.applied, node.raft.promotable()]).toEqual([5, false]);
  });
});
