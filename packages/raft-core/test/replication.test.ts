/** Replication and flow control: etcd-io/raft `raft.go` and `tracker/`; Raft paper, section 5.3. */

import { MessageType, newMessage, type Message } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import { ProgressState, StateType } from '../src/index.ts';
import { step } from '../src/step.ts';
import {
  at,
  answers,
  bytesOf,
  clusterOf,
  codeOf,
  entriesOf,
  leaderOf,
  storageOf,
  taken,
  TestNode,
  textOf,
} from './support.ts';

/** A leader of term 1 whose own entry is durable; member 2 is in the given state. */
function leaderWith(state: ProgressState, config: Parameters<typeof leaderOf>[1] = {}): TestNode {
  const node = leaderOf(storageOf({ voters: [1n, 2n] }), config);
  node.settle();
  const member = node.progress(2n);
  if (state === ProgressState.Probe) member.becomeProbe();
  else if (state === ProgressState.Replicate) member.becomeReplicate();
  else member.becomeSnapshot(10);
  taken(node);
  return node;
}

function acknowledge(node: TestNode, index: number, from = 2n): void {
  node.step({ type: MessageType.AppResp, from, term: node.term, index });
}

describe('what a leader sends to a member in each state', () => {
  it.each([
    [undefined, [4]],
    [0, [4]],
    [4, [4]],
    [3, [3]],
    [1, [1]],
  ])('with %s entries of an append at most: %j of four', (maxEntriesPerMsg, counts) => {
    const node = leaderWith(ProgressState.Probe, {
      maxSizePerMsg: 1_000_000,
      ...(maxEntriesPerMsg === undefined ? {} : { maxEntriesPerMsg }),
    });
    for (const text of ['a', 'b', 'c']) node.propose(text);
    taken(node);
    node.step({ type: MessageType.HeartbeatResp, from: 2n, term: 1 });
    expect(taken(node, MessageType.App).map(({ entries }) => entries.length)).toEqual(counts);
  });

  it('Probe: one append until an answer, and one more per heartbeat response', () => {
    const node = leaderWith(ProgressState.Probe);
    for (let round = 0; round < 3; round += 1) {
      node.propose('a');
      expect(taken(node, MessageType.App).length).toBe(round === 0 ? 1 : 0);
    }
    for (let round = 0; round < 3; round += 1) {
      node.tick(1);
      expect(taken(node).map(({ type }) => type)).toEqual([MessageType.Heartbeat]);
      expect(node.progress(2n).isPaused()).toBe(true);
      node.step({ type: MessageType.HeartbeatResp, from: 2n, term: 1 });
      const [append] = taken(node, MessageType.App);
      expect(append).toMatchObject({ index: 0, to: 2n });
      expect(append?.entries.length).toBe(4);
      expect(node.progress(2n).isPaused()).toBe(true);
    }
  });

  it('Probe: an empty append does not pause, so the next entry is sent at once', () => {
    const node = leaderOf(storageOf({ voters: [1n, 2n] }));
    node.settle();
    const member = node.progress(2n);
    member.becomeProbe();
    member.match = 1;
    member.next = 2;
    node.step({ type: MessageType.HeartbeatResp, from: 2n, term: 1 });
    expect(taken(node, MessageType.App).map(({ entries }) => entries.length)).toEqual([0]);
    expect(member.isPaused()).toBe(false);
    node.propose('a');
    expect(taken(node, MessageType.App).map(({ entries }) => entries.length)).toEqual([1]);
    expect(member.isPaused()).toBe(true);
  });

  it('Replicate: an append per proposal, without waiting for answers', () => {
    const node = leaderWith(ProgressState.Replicate);
    acknowledge(node, 1);
    taken(node);
    for (let round = 0; round < 5; round += 1) node.propose('a');
    expect(
      taken(node, MessageType.App).map(({ index, entries }) => [index, entries.length]),
    ).toEqual([1, 2, 3, 4, 5].map((index) => [index, 1]));
    expect(node.progress(2n).next).toBe(7);
  });

  it('Snapshot: no appends', () => {
    const node = leaderWith(ProgressState.Snapshot);
    for (let round = 0; round < 5; round += 1) node.propose('a');
    node.step({ type: MessageType.HeartbeatResp, from: 2n, term: 1 });
    expect(taken(node, MessageType.App)).toEqual([]);
  });

  it('a member that cannot be reached changes from Replicate to Probe', () => {
    for (const [state, after] of [
      [ProgressState.Replicate, ProgressState.Probe],
      [ProgressState.Probe, ProgressState.Probe],
      [ProgressState.Snapshot, ProgressState.Snapshot],
    ] as const) {
      const node = leaderWith(state);
      node.propose('a');
      node.raw.reportUnreachable(2n);
      expect(node.progress(2n).state).toBe(after);
    }
    const node = leaderWith(ProgressState.Replicate);
    acknowledge(node, 1);
    node.propose('a');
    expect(node.progress(2n).next).toBe(3);
    node.raw.reportUnreachable(2n);
    expect(node.progress(2n).next).toBe(2);
  });
});

describe('flow control', () => {
  it('by count: a full window stops appends until an acknowledgment moves it', () => {
    const node = leaderWith(ProgressState.Replicate, { maxInflightMsgs: 4 });
    acknowledge(node, 1);
    taken(node);
    for (let round = 0; round < 8; round += 1) node.propose('a');
    expect(taken(node, MessageType.App).length).toBe(4);
    expect(node.progress(2n).isPaused()).toBe(true);
    // An old acknowledgment does not move the window.
    acknowledge(node, 1);
    expect(taken(node, MessageType.App)).toEqual([]);
    acknowledge(node, 3);
    expect(taken(node, MessageType.App).map(({ index }) => index)).toEqual([5]);
  });

  it('an acknowledgment releases as many appends as the window has room for', () => {
    const node = leaderWith(ProgressState.Replicate, { maxInflightMsgs: 4, maxSizePerMsg: 0 });
    acknowledge(node, 1);
    taken(node);
    for (let round = 0; round < 8; round += 1) node.propose('a');
    expect(taken(node, MessageType.App).map(({ index }) => index)).toEqual([1, 2, 3, 4]);
    acknowledge(node, 5);
    expect(
      taken(node, MessageType.App).map(({ index, entries }) => [index, entries.length]),
    ).toEqual([5, 6, 7, 8].map((index) => [index, 1]));
  });

  it('by bytes: one append may exceed the limit', () => {
    const node = leaderWith(ProgressState.Replicate, { maxInflightBytes: 10, maxSizePerMsg: 1 });
    acknowledge(node, 1);
    taken(node);
    for (const text of ['1234', '5678', '90ab', 'cdef']) node.propose(text);
    expect(taken(node, MessageType.App).length).toBe(3);
    acknowledge(node, 2);
    expect(taken(node, MessageType.App).length).toBe(1);
  });

  it('each heartbeat response lets one empty append through a full window', () => {
    const node = leaderWith(ProgressState.Replicate, { maxInflightMsgs: 2 });
    acknowledge(node, 1);
    taken(node);
    for (let round = 0; round < 4; round += 1) node.propose('a');
    taken(node);
    for (let round = 0; round < 3; round += 1) {
      node.step({ type: MessageType.HeartbeatResp, from: 2n, term: 1 });
      expect(taken(node, MessageType.App)).toMatchObject([{ index: 3, entries: [] }]);
      expect(node.progress(2n).isPaused()).toBe(true);
    }
  });

  it('appends have at most 2048 bytes, but at least one entry', () => {
    const node = leaderWith(ProgressState.Probe, { maxSizePerMsg: 2048 });
    const texts = ['a'.repeat(1000), 'b'.repeat(1000), 'c'.repeat(4000), 'd'.repeat(10)];
    node.propose(...texts);
    taken(node);
    // The appends hold the own entry and the first two proposals, then the large one, then the
    // rest.
    node.step({ type: MessageType.HeartbeatResp, from: 2n, term: 1 });
    const pages: number[][] = [];
    let sent = taken(node, MessageType.App);
    while (sent.length > 0) {
      pages.push(...sent.map(({ entries }) => entries.map(({ index }) => index)));
      const last = pages.at(-1)?.at(-1) ?? 0;
      acknowledge(node, last);
      sent = taken(node, MessageType.App).filter(({ entries }) => entries.length > 0);
    }
    expect(pages).toEqual([[1, 2, 3], [4], [5]]);
  });

  it('without a configured limit, an append has one entry', () => {
    const node = leaderOf(storageOf({ voters: [1n, 2n] }), { maxSizePerMsg: 0 });
    node.settle();
    node.propose('a', 'b');
    acknowledge(node, 1);
    expect(taken(node, MessageType.App).filter(({ entries }) => entries.length > 1)).toEqual([]);
  });
});

describe('the limit of uncommitted entries', () => {
  it('1024 entries are accepted, the next is not, and entries without payload always are', () => {
    const entry = 'some data';
    const node = leaderOf(storageOf(), { maxUncommittedEntriesSize: 1024 * entry.length });
    node.settle();
    for (let count = 0; count < 1024; count += 1) node.propose(entry);
    expect(() => node.propose(entry)).toThrow(
      expect.objectContaining({ reason: 'uncommitted-limit' }),
    );
    node.propose('');
    expect(node.raft.uncommittedBytes).toBe(1024 * entry.length);
    expect(node.raft.log.lastIndex()).toBe(1 + 1024 + 1);
  });

  it('a proposal of several entries is accepted as a whole or not at all', () => {
    const node = leaderOf(storageOf(), { maxUncommittedEntriesSize: 10 });
    node.settle();
    node.propose('12345');
    const before = node.raft.log.lastIndex();
    expect(codeOf(() => node.propose('1', '234567'))).toBe('RAFT_CORE_PROPOSAL_DROPPED');
    expect(node.raft.log.lastIndex()).toBe(before);
  });

  it('one proposal of any size is accepted when nothing is uncommitted', () => {
    const node = leaderOf(storageOf(), { maxUncommittedEntriesSize: 10 });
    node.settle();
    node.propose('larger than all limits');
    expect(codeOf(() => node.propose('x'))).toBe('RAFT_CORE_PROPOSAL_DROPPED');
  });

  it('the sum shrinks when entries are applied, not when they are committed, and starts again with a new role', () => {
    const node = new TestNode(storageOf({ voters: [1n, 2n] }), { asyncStorageWrites: true });
    const apply = (): void => {
      for (const message of node.raw.ready().messages) {
        if (message.type === MessageType.StorageAppend) node.storage.append(message.entries);
        for (const response of message.responses) if (response.to === 1n) node.raw.step(response);
      }
    };
    node.raw.campaign();
    apply();
    node.step({ type: MessageType.VoteResp, from: 2n, term: 1 });
    apply();
    acknowledge(node, 1);
    apply();
    node.propose('12345');
    apply();
    acknowledge(node, 2);
    expect([node.committed, node.raft.uncommittedBytes]).toEqual([2, 5]);
    apply();
    expect(node.raft.uncommittedBytes).toBe(0);
    node.propose('12345');
    node.step({ type: MessageType.App, from: 2n, term: 2 });
    expect(node.raft.uncommittedBytes).toBe(0);
  });
});

describe('a follower and an append: 11 cases', () => {
  it.each([
    // previous (term, index), commit, entries → last index, commit, reject
    [3, 2, 3, '', 2, 0, true],
    [3, 3, 3, '', 2, 0, true],
    [1, 1, 1, '', 2, 1, false],
    [0, 0, 1, '1:2', 1, 1, false],
    [2, 2, 3, '3:2,2', 4, 3, false],
    [2, 2, 4, '3:2', 3, 3, false],
    [1, 1, 4, '2:2', 2, 2, false],
    [1, 1, 3, '', 2, 1, false],
    [1, 1, 3, '2:2', 2, 2, false],
    [2, 2, 3, '', 2, 2, false],
    [2, 2, 4, '', 2, 2, false],
  ])(
    '(%i, %i), commit %i, entries %s',
    (logTerm, index, commit, entries, last, committed, reject) => {
      const node = new TestNode(storageOf({ entries: '1:1,2', hardState: { term: 2 } }));
      node.step({
        type: MessageType.App,
        from: 2n,
        term: 2,
        logTerm,
        index,
        commit,
        entries: entriesOf(entries),
      });
      expect([node.raft.log.lastIndex(), node.committed]).toEqual([last, committed]);
      expect(answers(node)).toMatchObject([{ type: MessageType.AppResp, reject }]);
    },
  );

  it('an append below the commit index is acknowledged with the commit index', () => {
    const node = new TestNode(storageOf({ entries: '1:1,1,1', hardState: { term: 1, commit: 3 } }));
    node.step({ type: MessageType.App, from: 2n, term: 1, logTerm: 1, index: 1, entries: [] });
    expect(answers(node)).toMatchObject([
      { type: MessageType.AppResp, index: 3, reject: false, rejectHint: 0 },
    ]);
  });

  it('the commit index is bounded by the last index of the message', () => {
    const node = new TestNode(storageOf({ entries: '1:1,1,1', hardState: { term: 2 } }));
    node.step({ type: MessageType.App, from: 2n, term: 2, logTerm: 1, index: 1, commit: 3 });
    expect(node.committed).toBe(1);
  });

  it('each message of the leader starts a new election timeout', () => {
    for (const type of [MessageType.App, MessageType.Heartbeat, MessageType.Snap]) {
      const node = new TestNode(storageOf({ hardState: { term: 1 } }));
      node.tick(7);
      node.step({ type, from: 2n, term: 1 });
      expect([node.raft.electionElapsed, node.raft.lead]).toEqual([0, 2n]);
    }
  });
});

describe('heartbeats', () => {
  it('carry no commit index above the match, and count as having sent it', () => {
    const node = leaderWith(ProgressState.Replicate);
    acknowledge(node, 1);
    node.propose('a', 'b');
    node.settle();
    node.raft.log.commitTo(3);
    taken(node);
    // A heartbeat may lower the commit index that counts as sent: an append with a higher one may
    // be lost.
    node.progress(2n).sentCommit = 3;
    node.tick(1);
    expect(taken(node)).toMatchObject([{ type: MessageType.Heartbeat, commit: 1 }]);
    expect(node.progress(2n).sentCommit).toBe(1);
  });

  it('a follower raises its commit index by them, and answers with their context', () => {
    const node = new TestNode(storageOf({ entries: '1:1,2,3', hardState: { term: 3, commit: 2 } }));
    for (const [commit, expected] of [
      [3, 3],
      [1, 3],
    ] as const) {
      node.step({ type: MessageType.Heartbeat, from: 2n, term: 3, commit, context: bytesOf('c') });
      expect(node.committed).toBe(expected);
      expect(taken(node)).toMatchObject([
        { type: MessageType.HeartbeatResp, to: 2n, context: bytesOf('c') },
      ]);
    }
  });

  it('a commit index above the last one stops the node, which has lost acknowledged data', () => {
    const node = new TestNode(storageOf({ entries: '1:1', hardState: { term: 1 } }));
    expect(() =>
      node.raw.step(newMessage({ type: MessageType.Heartbeat, from: 2n, term: 1, commit: 2 })),
    ).toThrow(expect.objectContaining({ code: 'RAFT_CORE_PANIC' }));
  });

  it('their answers cause appends until the member has all entries', () => {
    const node = leaderWith(ProgressState.Replicate);
    node.propose('a');
    taken(node);
    node.step({ type: MessageType.HeartbeatResp, from: 2n, term: 1 });
    expect(taken(node, MessageType.App).length).toBe(1);
    acknowledge(node, node.raft.log.lastIndex());
    taken(node);
    node.step({ type: MessageType.HeartbeatResp, from: 2n, term: 1 });
    expect(taken(node, MessageType.App)).toEqual([]);
  });
});

describe('acknowledgments', () => {
  it('equal to the match end probing, and have no other effect', () => {
    const probing = leaderWith(ProgressState.Probe);
    probing.progress(2n).match = 1;
    probing.progress(2n).next = 2;
    acknowledge(probing, 1);
    expect(probing.progress(2n).state).toBe(ProgressState.Replicate);
    const waiting = leaderWith(ProgressState.Snapshot);
    acknowledge(waiting, 0);
    expect(waiting.progress(2n).state).toBe(ProgressState.Snapshot);
  });

  it('an old rejection after them changes nothing, because messages may be reordered', () => {
    const node = leaderWith(ProgressState.Probe);
    node.propose('a');
    taken(node);
    acknowledge(node, 2);
    const { state, next } = node.progress(2n);
    taken(node);
    node.step({
      type: MessageType.AppResp,
      from: 2n,
      term: 1,
      index: 0,
      reject: true,
      rejectHint: 0,
    });
    expect(node.progress(2n)).toMatchObject({ state, next });
    expect(taken(node)).toEqual([]);
  });

  it('a member gets the commit index when it can commit with it, and not twice', () => {
    const network = clusterOf(3);
    network.campaign(1n);
    const leader = network.node(1n);
    leader.propose('a');
    leader.settle();
    acknowledge(leader, 2, 2n);
    taken(leader);
    // Member 3 has learnt the commit index from the append that all members got after the commit.
    acknowledge(leader, 2, 3n);
    expect(taken(leader)).toEqual([]);
  });

  it('a member whose acknowledgment commits nothing gets the commit index in one empty append', () => {
    const node = leaderOf(storageOf());
    node.settle();
    for (const from of [2n, 3n]) acknowledge(node, 1, from);
    node.propose('a');
    node.propose('b');
    node.settle();
    acknowledge(node, 3, 2n);
    // The append for member 3 is lost, and a heartbeat has sent it a lower commit index.
    node.tick(1);
    taken(node);
    expect([node.committed, node.progress(3n).sentCommit]).toEqual([3, 1]);
    acknowledge(node, 2, 3n);
    expect(taken(node)).toMatchObject([
      { type: MessageType.App, to: 3n, index: 3, entries: [], commit: 3 },
    ]);
    acknowledge(node, 3, 3n);
    expect(taken(node)).toEqual([]);
  });

  it('a leader that is not a voter does not count itself', () => {
    const node = leaderOf(storageOf({ voters: [1n, 2n, 3n] }));
    node.settle();
    node.raw.applyConfChange({ id: 0n, type: 1, nodeId: 1n });
    expect(node.state).toBe(StateType.Leader);
    acknowledge(node, 1, 2n);
    expect(node.committed).toBe(0);
    acknowledge(node, 1, 3n);
    expect(node.committed).toBe(1);
  });
});

describe('commit: 14 cases', () => {
  it.each([
    // match per voter, log, term → commit
    [[1], '1:1', 1, 1],
    [[1], '1:1', 2, 0],
    [[2], '1:1,2', 2, 2],
    [[1], '1:2', 2, 1],
    [[2, 1, 1], '1:1,2', 1, 1],
    [[2, 1, 1], '1:1,1', 2, 0],
    [[2, 1, 2], '1:1,2', 2, 2],
    [[2, 1, 2], '1:1,1', 2, 0],
    [[2, 1, 1, 1], '1:1,2', 1, 1],
    [[2, 1, 1, 1], '1:1,1', 2, 0],
    [[2, 1, 1, 2], '1:1,2', 1, 1],
    [[2, 1, 1, 2], '1:1,1', 2, 0],
    [[2, 1, 2, 2], '1:1,2', 2, 2],
    [[2, 1, 2, 2], '1:1,1', 2, 0],
  ])('match %j, log %s, term %i: %i', (match, entries, term, commit) => {
    const voters = match.map((_, at) => BigInt(at + 1));
    const node = new TestNode(storageOf({ voters, entries, hardState: { term } }));
    for (const [position, id] of voters.entries()) node.progress(id).match = match[position] ?? 0;
    node.raft.log.maybeCommit(node.raft.tracker.committed(), node.term);
    expect(node.committed).toBe(commit);
  });
});

describe('the fast search for the last common entry', () => {
  it.each([
    ['1:1,2,2,4,4,4,4', '1:1,2,2,3,3,3,3,3,3,3,3', 7, 3, 3, 2],
    ['1:1,2,2,3,4,4,4,5', '1:1,2,2,3,3,3,3,3,3,3,3', 8, 3, 4, 3],
    ['1:1,1,1,1', '1:1,2,2,4', 1, 1, 1, 1],
    ['1:1,1,1,1,1,1', '1:1,2,2,4', 1, 1, 1, 1],
    ['1:1,1,1,1', '1:1,2,2,4,4,4', 1, 1, 1, 1],
    ['1:1,1,1,4,5', '1:1,1,1,4', 4, 4, 4, 4],
    ['1:2,5,5,5,5,5,5,5,5', '1:2,4,4,4,4,4', 6, 4, 1, 2],
    ['1:2,2,2,2,2', '1:2,4,4,4,4,4,4,4', 1, 2, 1, 2],
    ['1:1,1,3', '6:', 3, 0, 2, 1],
  ])(
    'leader %s, follower %s: hint (%i, %i), next append after (%i, %i)',
    (leaderLog, followerLog, hint, hintTerm, index, logTerm) => {
      const last = entriesOf(leaderLog).at(-1)!;
      const lead = new TestNode(
        storageOf({
          entries: leaderLog,
          voters: [1n, 2n, 3n],
          hardState: { term: last.term, commit: last.index },
        }),
      );
      // The last follower has compacted its entries up to 5, `1:1,1,3,3,3`.
      const compacted = followerLog === '6:';
      const follower = new TestNode(
        compacted
          ? storageOf({ index: 5, term: 3, hardState: { term: last.term, commit: 5 } })
          : storageOf({ entries: followerLog, hardState: { term: last.term } }),
        { id: 2n },
      );
      if (compacted) follower.raft.log.committed = 0;
      lead.raw.campaign();
      lead.settle();
      lead.step({ type: MessageType.VoteResp, from: 3n, term: lead.term });
      const probe = at(
        lead.settle().filter(({ to, type }) => to === 2n && type === MessageType.App),
        0,
      );
      expect(probe).toMatchObject({ index: last.index, logTerm: last.term });
      step(follower.raft, probe);
      const rejection = at(follower.settle(), 0);
      expect(rejection).toMatchObject({ reject: true, rejectHint: hint, logTerm: hintTerm });
      step(lead.raft, rejection);
      expect(taken(lead, MessageType.App)).toMatchObject([{ index, logTerm }]);
    },
  );
});

describe('handed-out entries', () => {
  it('are changed neither by the leader nor by later appends', () => {
    const network = clusterOf(3);
    network.campaign(1n);
    const leader = network.node(1n);
    const proposal = newMessage({
      type: MessageType.Prop,
      from: 1n,
      entries: [{ index: 0, term: 0, type: 0, data: bytesOf('x') }],
    });
    step(leader.raft, proposal);
    expect(proposal.entries[0]).toMatchObject({ index: 0, term: 0 });
    const sent: Message[] = taken(leader, MessageType.App);
    leader.step({
      type: MessageType.App,
      from: 2n,
      term: 5,
      index: 1,
      logTerm: 1,
      entries: entriesOf('2:5,5'),
    });
    expect(sent.map(({ entries }) => textOf(entries))).toEqual(['2:1', '2:1']);
  });
});
