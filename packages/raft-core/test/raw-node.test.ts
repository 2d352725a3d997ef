/** `RawNode`: configuration, start, Ready and storage work. etcd-io/raft `rawnode.go`. */

import {
  ConfChangeType,
  emptyConfState,
  EntryType,
  MessageType,
  messageTypeMax,
  newMessage,
  type Entry,
  type Message,
  type MessageType as Type,
} from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import { isLocalMessage } from '../src/messages/message-class.ts';
import {
  localAppendThread,
  localApplyThread,
  MemoryStorage,
  RawNode,
  ReadOnlyOption,
  StateType,
  type RaftConfig,
  type Ready,
} from '../src/index.ts';
import { step } from '../src/step.ts';
import {
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

const base: RaftConfig = {
  id: 1n,
  storage: storageOf(),
  electionTick: 10,
  heartbeatTick: 1,
  maxInflightMsgs: 256,
  random: () => 0,
};

describe('configuration: rules are checked in this order', () => {
  const untyped = (fields: object): Partial<RaftConfig> => fields;
  it.each([
    [{ id: 0n, heartbeatTick: 0 }, 'cannot use none as id'],
    [{ id: localAppendThread }, 'cannot use local target as id'],
    [{ id: localApplyThread }, 'cannot use local target as id'],
    [{ heartbeatTick: 0 }, 'heartbeat tick must be greater than 0'],
    [{ electionTick: 1 }, 'election tick must be greater than heartbeat tick'],
    [untyped({ storage: null }), 'storage cannot be nil'],
    [{ maxInflightMsgs: 0 }, 'max inflight messages must be greater than 0'],
    [
      { maxSizePerMsg: 100, maxInflightBytes: 99 },
      'max inflight bytes must be >= max message size',
    ],
    [
      { readOnlyOption: ReadOnlyOption.LeaseBased },
      'CheckQuorum must be enabled when ReadOnlyOption is ReadOnlyLeaseBased',
    ],
    [untyped({ id: 1 }), 'id must be a bigint of 64 bits, got 1'],
    [{ electionTick: 10.5 }, 'electionTick must be an integer from 0 to 2^53 - 1, got 10.5'],
    [{ applied: -1 }, 'applied must be an integer from 0 to 2^53 - 1, got -1'],
    [
      { maxSizePerMsg: Number.NaN },
      'maxSizePerMsg must be an integer from 0 to 2^53 - 1 or Infinity',
    ],
    [
      { maxCommittedSizePerReady: -1 },
      'maxCommittedSizePerReady must be an integer from 0 to 2^53 - 1 or Infinity, got -1',
    ],
    [
      { maxCommittedSizePerReady: 0.5 },
      'maxCommittedSizePerReady must be an integer from 0 to 2^53 - 1 or Infinity, got 0.5',
    ],
    [untyped({ random: 7 }), 'random must be a function'],
  ])('%#: %s', (fields, text) => {
    expect(() => new RawNode({ ...base, ...fields })).toThrow(
      expect.objectContaining({ code: 'RAFT_CORE_CONFIG', message: expect.stringContaining(text) }),
    );
  });

  it('configuration: limits may be infinite, and those of bytes absent', () => {
    const limits = {
      maxSizePerMsg: Infinity,
      maxInflightMsgs: Infinity,
      maxInflightBytes: Infinity,
    };
    expect(new RawNode({ ...base, ...limits }).basicStatus().id).toBe(1n);
    expect(new RawNode({ ...base, maxSizePerMsg: 10 ** 9 }).basicStatus().id).toBe(1n);
  });
});

describe('start', () => {
  it.each([
    [{ hardState: { commit: 5 } }, {}, 'state.commit 5 is out of range [0, 2]'],
    [{ index: 3, term: 1, hardState: { term: 1, commit: 2 } }, {}, 'is out of range [3, '],
    [{}, { applied: 1 }, 'applied(1) is out of range [prevApplied(0), committed(0)]'],
  ])('a state that contradicts itself stops the node: %#', (init, config, text) => {
    const entries = 'index' in init ? '' : '1:1,1';
    expect(() => new TestNode(storageOf({ entries, ...init }), config)).toThrow(
      expect.objectContaining({ code: 'RAFT_CORE_PANIC', message: expect.stringContaining(text) }),
    );
  });

  it('an error of the storage, or a membership that cannot be restored, stops the node', () => {
    class Broken extends MemoryStorage {
      override firstIndex(): number {
        throw new Error('disk');
      }
    }
    expect(codeOf(() => new TestNode(new Broken()))).toBe('RAFT_CORE_PANIC');
    const confState = { voters: [1n], learnersNext: [2n] };
    expect(codeOf(() => new TestNode(storageOf({ confState })))).toBe('RAFT_CORE_PANIC');
  });

  it('the order of ids in the stored membership does not matter', () => {
    const node = new TestNode(
      storageOf({ confState: { voters: [3n, 1n, 2n], learners: [5n, 4n] } }),
    );
    expect(node.raft.tracker.config.incoming).toEqual([1n, 2n, 3n]);
  });

  it('bootstrap: the first Ready has the members as committed changes, and a hard state', () => {
    const storage = new MemoryStorage();
    const raw = new RawNode({ ...base, storage, maxSizePerMsg: Infinity });
    raw.bootstrap([{ id: 1n, context: bytesOf('a') }, { id: 2n }]);
    const ready = raw.ready();
    expect(ready).toMatchObject({ hardState: { term: 1, vote: 0n, commit: 2 }, mustSync: true });
    expect(ready.entries.map(({ index, term, type }) => [index, term, type])).toEqual([
      [1, 1, EntryType.ConfChange],
      [2, 1, EntryType.ConfChange],
    ]);
    expect(ready.committedEntries).toEqual(ready.entries);
    storage.append(ready.entries);
    // Applying the changes again has no effect.
    expect(
      raw.applyConfChange({ id: 0n, type: ConfChangeType.AddNode, nodeId: 1n }).voters,
    ).toEqual([1n, 2n]);
    raw.advance();
    expect(raw.hasReady()).toBe(false);
    expect(codeOf(() => raw.bootstrap([]))).toBe('RAFT_CORE_BOOTSTRAP');
    expect(codeOf(() => raw.bootstrap([{ id: 1n }]))).toBe('RAFT_CORE_BOOTSTRAP');
  });

  it('restart: committed entries that are not applied are handed out again, and no others', () => {
    const node = new TestNode(
      storageOf({ entries: '1:1,1', voters: [1n], hardState: { term: 1, commit: 1 } }),
    );
    const ready = node.raw.ready();
    expect([
      textOf(ready.committedEntries),
      ready.entries,
      ready.hardState,
      ready.mustSync,
    ]).toEqual(['1:1', [], undefined, false]);
    node.raw.advance();
    expect(node.raw.hasReady()).toBe(false);
  });

  it('restart from a snapshot: only the entries behind it are handed out', () => {
    const node = new TestNode(
      storageOf({
        index: 2,
        term: 1,
        entries: '3:1',
        voters: [1n],
        hardState: { term: 1, commit: 3 },
      }),
      { applied: 2 },
    );
    expect(textOf(node.raw.ready().committedEntries)).toBe('3:1');
    node.raw.advance();
    expect(node.raw.hasReady()).toBe(false);
  });
});

describe('step', () => {
  const types = Array.from({ length: messageTypeMax + 1 }, (_, type) => type as Type);

  it.each(types)('type %i from another node is rejected only if it is local', (type) => {
    const node = new TestNode(storageOf({ hardState: { term: 1 } }));
    const message = newMessage({ type, from: 2n, to: 1n, term: 1 });
    const code = codeOf(() => node.raw.step(message));
    expect(code === 'RAFT_CORE_LOCAL_MESSAGE').toBe(isLocalMessage(type));
  });

  it('responses of a node that is not a member are rejected', () => {
    const node = new TestNode(storageOf());
    for (const type of [MessageType.AppResp, MessageType.VoteResp, MessageType.ReadIndexResp]) {
      const message = newMessage({ type, from: 9n, to: 1n, term: 1 });
      expect(codeOf(() => node.raw.step(message))).toBe('RAFT_CORE_PEER_NOT_FOUND');
    }
    expect(node.term).toBe(0);
  });
});

describe('proposals', () => {
  it('a leader returns their position, a follower forwards them and returns nothing', () => {
    const network = clusterOf(3);
    network.campaign(1n);
    expect(network.node(1n).raw.propose(bytesOf('a'))).toEqual({ index: 2, term: 1 });
    expect(network.node(2n).raw.propose(bytesOf('b'))).toBeUndefined();
    network.settle();
    expect(network.node(3n).appliedTexts).toEqual(['a', 'b']);
  });

  it('are dropped with a reason: no leader, not forwarded, not a member', () => {
    const reasonOf = (node: TestNode): unknown => {
      try {
        node.raw.propose(bytesOf('x'));
      } catch (error) {
        return error instanceof Error && 'reason' in error ? [error.message, error.reason] : error;
      }
      return undefined;
    };
    const node = new TestNode(storageOf(), { disableProposalForwarding: true });
    expect(reasonOf(node)).toEqual(['raft proposal dropped', 'no-leader']);
    node.step({ type: MessageType.Heartbeat, from: 2n, term: 1 });
    expect(reasonOf(node)).toEqual(['raft proposal dropped', 'not-forwarded']);
    node.raw.campaign();
    expect(reasonOf(node)).toEqual(['raft proposal dropped', 'no-leader']);
    const removed = leaderOf(storageOf());
    removed.settle();
    removed.raw.applyConfChange({ id: 0n, type: ConfChangeType.RemoveNode, nodeId: 1n });
    expect(reasonOf(removed)).toEqual(['raft proposal dropped', 'not-a-member']);
  });

  it('several at once enter the log together, and go to each member in one message', () => {
    const network = clusterOf(3);
    network.campaign(1n);
    const leader = network.node(1n);
    const data = ['a', 'b', 'c'].map(bytesOf);
    expect(leader.raw.proposeAll(data)).toEqual({ index: 2, term: 1 });
    const sent = leader.raft.messages.filter(({ type }) => type === MessageType.App);
    expect(sent.map(({ to, entries }) => [to, ...entries.map(({ index }) => index)])).toEqual([
      [2n, 2, 3, 4],
      [3n, 2, 3, 4],
    ]);
    network.settle();
    expect(network.node(3n).appliedTexts).toEqual(['a', 'b', 'c']);
  });

  it('several at once that exceed the limit enter no log', () => {
    const node = leaderOf(storageOf({ confState: { voters: [1n, 2n] } }), {
      maxUncommittedEntriesSize: 3,
    });
    node.raw.propose(bytesOf('a'));
    const before = node.raft.log.lastIndex();
    expect(() => node.raw.proposeAll(['b', 'c', 'd'].map(bytesOf))).toThrow('proposal dropped');
    expect(node.raft.log.lastIndex()).toBe(before);
    expect(node.raw.proposeAll(['b', 'c'].map(bytesOf))).toEqual({ index: before + 1, term: 1 });
  });

  it('forwarded ones are copies without term, from the node that has proposed', () => {
    const node = new TestNode(storageOf({ hardState: { term: 1 } }));
    node.step({ type: MessageType.Heartbeat, from: 2n, term: 1 });
    taken(node);
    const entries = [{ index: 0, term: 0, type: EntryType.Normal, data: bytesOf('x') }];
    const message = newMessage({ type: MessageType.Prop, from: 3n, to: 1n, entries });
    node.raw.step(message);
    expect(taken(node)).toEqual([{ ...message, to: 2n }]);
    expect(message.to).toBe(1n);
  });

  it('a proposal without entries stops a leader', () => {
    const node = leaderOf(storageOf());
    expect(() => step(node.raft, newMessage({ type: MessageType.Prop }))).toThrow(
      '1 stepped empty MsgProp',
    );
  });
});

describe('Ready', () => {
  it('peekReady does not take it, and later work is added', () => {
    const node = leaderOf(storageOf({ voters: [1n] }));
    node.settle();
    node.propose('a');
    expect(textOf(node.raw.peekReady().entries)).toBe('2:1');
    node.propose('b');
    expect(textOf(node.raw.peekReady().entries)).toBe('2:1,1');
    expect(textOf(node.process().entries)).toBe('2:1,1');
  });

  it('soft and hard state are in it when they differ from the last accepted ones; only vote, term and entries need a sync', () => {
    const node = new TestNode(storageOf({ entries: '1:1', hardState: { term: 1, vote: 2n } }));
    expect(node.raw.hasReady()).toBe(false);
    const summary = (): unknown[] => {
      const { softState, hardState, mustSync } = node.process();
      return [softState?.lead, hardState?.commit, hardState?.term, mustSync];
    };
    node.step({ type: MessageType.Heartbeat, from: 2n, term: 1, commit: 1 });
    expect(summary()).toEqual([2n, 1, 1, false]);
    node.step({ type: MessageType.Heartbeat, from: 2n, term: 2 });
    expect(summary()).toEqual([undefined, 1, 2, true]);
    // A change that is undone before the next Ready is not told.
    node.raw.forgetLeader();
    node.step({ type: MessageType.Heartbeat, from: 2n, term: 2 });
    expect(summary()).toEqual([undefined, undefined, undefined, false]);
  });

  it('a vote or a new term needs a sync, a commit index does not', () => {
    const node = new TestNode(storageOf({ entries: '1:1', hardState: { term: 2 } }));
    node.step({ type: MessageType.Vote, from: 2n, term: 2, index: 1, logTerm: 1 });
    expect(node.process()).toMatchObject({ hardState: { term: 2, vote: 2n }, mustSync: true });
    node.step({ type: MessageType.Heartbeat, from: 2n, term: 2, commit: 1 });
    expect(node.process()).toMatchObject({ hardState: { commit: 1 }, mustSync: false });
    node.step({ type: MessageType.Heartbeat, from: 2n, term: 3 });
    expect(node.process()).toMatchObject({ hardState: { term: 3 }, mustSync: true });
  });

  it('messages that only wait for durable writes make one as well', () => {
    const node = new TestNode(storageOf({ hardState: { term: 1, vote: 2n } }));
    node.step({ type: MessageType.Vote, from: 2n, term: 1 });
    expect(node.raw.hasReady()).toBe(true);
    expect(node.process().messages).toMatchObject([{ type: MessageType.VoteResp }]);
  });

  it('a second one without advance stops the node, and so does advance with asynchronous writes', () => {
    const node = leaderOf(storageOf({ voters: [1n] }));
    node.propose('a');
    node.raw.ready();
    node.propose('b');
    expect(() => node.raw.ready()).toThrow('two accepted Ready structs without call to Advance');
    const other = new TestNode(storageOf(), { asyncStorageWrites: true });
    expect(() => other.raw.advance()).toThrow(
      'Advance must not be called when using AsyncStorageWrites',
    );
  });

  it('without asynchronous writes, the same entries may be written and applied with one Ready', () => {
    const node = new TestNode(storageOf({ hardState: { term: 1 } }));
    node.step({ type: MessageType.App, from: 2n, term: 1, entries: entriesOf('1:1'), commit: 1 });
    const ready = node.raw.ready();
    expect([textOf(ready.entries), textOf(ready.committedEntries)]).toEqual(['1:1', '1:1']);
  });

  it('the unstable log does not grow without bound while a leader is cut off', () => {
    const entry = 'x'.repeat(100);
    const node = leaderOf(storageOf(), { maxUncommittedEntriesSize: 1600 });
    node.settle();
    let dropped = 0;
    for (let count = 0; count < 1024; count += 1) {
      if (codeOf(() => node.propose(entry)) !== undefined) dropped += 1;
    }
    expect([node.raft.uncommittedBytes, dropped]).toEqual([1600, 1024 - 16]);
  });
});

describe('asynchronous writes', () => {
  /** The storage messages of a Ready, and the answers to deliver when their work is done. */
  function workOf(ready: Ready): { append: Message | undefined; apply: Message | undefined } {
    const find = (type: Type): Message | undefined =>
      ready.messages.find((message) => message.type === type);
    return { append: find(MessageType.StorageAppend), apply: find(MessageType.StorageApply) };
  }

  function deliver(node: TestNode, work: Message | undefined): void {
    for (const response of work?.responses ?? [])
      if (response.to === node.id) node.raw.step(response);
  }

  it('committed entries are handed out only when they are durable on this node', () => {
    const node = new TestNode(storageOf({ hardState: { term: 1 } }), { asyncStorageWrites: true });
    node.step({ type: MessageType.App, from: 2n, term: 1, entries: entriesOf('1:1,1'), commit: 2 });
    const first = node.raw.ready();
    expect([first.committedEntries, textOf(first.entries)]).toEqual([[], '1:1,1']);
    expect(node.raw.hasReady()).toBe(false);
    node.storage.append(first.entries);
    deliver(node, workOf(first).append);
    expect(textOf(node.raw.ready().committedEntries)).toBe('1:1,1');
  });

  it('a report of an earlier term counts for a snapshot and not for entries', () => {
    const node = new TestNode(storageOf({ hardState: { term: 1 } }), { asyncStorageWrites: true });
    node.step({ type: MessageType.App, from: 2n, term: 1, entries: entriesOf('1:1') });
    const old = workOf(node.raw.ready()).append;
    node.step({ type: MessageType.Heartbeat, from: 3n, term: 2 });
    deliver(node, old);
    expect(node.raft.log.unstable.offset).toBe(1);
    // The write of the new term reports the end of the log again.
    const next = workOf(node.raw.ready()).append;
    expect(next?.responses.at(-1)).toMatchObject({ term: 2, index: 1, logTerm: 1 });
    node.storage.append(entriesOf('1:1'));
    deliver(node, next);
    expect(node.raft.log.unstable.offset).toBe(2);
  });

  it('entries that were overwritten and appended again do not count as durable', () => {
    const node = new TestNode(storageOf({ hardState: { term: 1 } }), { asyncStorageWrites: true });
    node.step({ type: MessageType.App, from: 2n, term: 1, entries: entriesOf('1:1') });
    const first = workOf(node.raw.ready()).append;
    node.step({ type: MessageType.App, from: 3n, term: 2, entries: entriesOf('1:2') });
    const second = workOf(node.raw.ready()).append;
    node.step({ type: MessageType.App, from: 2n, term: 3, entries: entriesOf('1:1') });
    deliver(node, first);
    deliver(node, second);
    expect([node.raft.log.unstable.offset, node.log]).toEqual([1, '1:1']);
  });

  it('the answers are in the message for the write, with those to this node, and the report is last', () => {
    const node = leaderOf(storageOf());
    node.settle();
    node.step({ type: MessageType.App, from: 2n, term: 2, entries: entriesOf('1:2') });
    const [answer] = answers(node);
    expect(answer).toMatchObject({ type: MessageType.AppResp, to: 2n });
    const other = new TestNode(storageOf({ voters: [1n] }), { asyncStorageWrites: true });
    other.raw.campaign();
    const { append } = workOf(other.raw.ready());
    expect(append?.responses.map(({ type, to }) => [type, to])).toEqual([
      [MessageType.VoteResp, 1n],
    ]);
    expect([append?.term, append?.vote, append?.commit]).toEqual([1, 1n, 0]);
    deliver(other, append);
    const led = workOf(other.raw.ready());
    expect([led.append?.term, led.append?.vote]).toEqual([0, 0n]);
    expect(led.append?.responses.map(({ type }) => type)).toEqual([
      MessageType.AppResp,
      MessageType.StorageAppendResp,
    ]);
  });

  it('a Ready that was looked at does not change when more work is added', () => {
    const node = new TestNode(storageOf({ hardState: { term: 1 } }), { asyncStorageWrites: true });
    const heartbeat = { type: MessageType.App, from: 2n, term: 1 } as const;
    node.step(heartbeat);
    const looked = node.raw.peekReady();
    node.step(heartbeat);
    expect(workOf(looked).append?.responses).toHaveLength(1);
    expect(workOf(node.raw.ready()).append?.responses).toHaveLength(2);
  });

  it('a report of an older snapshot does not lower the applied index', () => {
    const node = new TestNode(storageOf({ index: 5, term: 1, hardState: { term: 1, commit: 5 } }), {
      asyncStorageWrites: true,
    });
    const { confState } = node.storage.initialState();
    const snapshot = { metadata: { confState, index: 4, term: 1 } };
    const report = { type: MessageType.StorageAppendResp, from: localAppendThread, snapshot };
    for (const term of [1, 2]) {
      node.step({ type: MessageType.Heartbeat, from: 2n, term: 2 });
      node.step({ ...report, term });
      expect(node.raft.log.applied).toBe(5);
    }
  });

  it('the applied index moves with the answers of the apply thread', () => {
    const node = new TestNode(
      storageOf({ voters: [1n], entries: '1:1,1', hardState: { term: 1, commit: 2 } }),
      { asyncStorageWrites: true },
    );
    const { apply } = workOf(node.raw.ready());
    expect([apply?.term, textOf(apply?.entries ?? [])]).toEqual([0, '1:1,1']);
    expect([node.raft.log.applied, node.raft.log.applying]).toEqual([0, 2]);
    deliver(node, apply);
    expect(node.raft.log.applied).toBe(2);
  });
});

describe('pages of committed entries', () => {
  const sized = (count: number): Entry[] =>
    Array.from({ length: count }, (_, at) => ({
      index: at + 1,
      term: 1,
      type: EntryType.Normal,
      data: new Uint8Array(100),
    }));

  it.each([false, true])(
    'asynchronous %s: each entry is handed out once and in order',
    (asyncStorageWrites) => {
      const storage = storageOf({ voters: [1n] });
      storage.append(sized(10));
      storage.setHardState({ term: 1, vote: 1n, commit: 10 });
      const node = new TestNode(storage, { asyncStorageWrites, maxCommittedSizePerReady: 300 });
      const pages: number[][] = [];
      while (node.raw.hasReady()) {
        const ready = node.raw.ready();
        pages.push(ready.committedEntries.map(({ index }) => index));
        if (!asyncStorageWrites) node.raw.advance();
        for (const { responses } of ready.messages) {
          for (const response of responses) node.raw.step(response);
        }
      }
      expect(pages).toEqual([
        [1, 2],
        [3, 4],
        [5, 6],
        [7, 8],
        [9, 10],
      ]);
    },
  );

  it('without a limit in the configuration, committed entries are handed out one at a time', () => {
    const storage = storageOf({ voters: [1n] });
    storage.append(sized(3));
    storage.setHardState({ term: 1, vote: 1n, commit: 3 });
    const node = new TestNode(storage, { maxSizePerMsg: 0 });
    const pages: number[] = [];
    while (node.raw.hasReady()) pages.push(node.process().committedEntries.length);
    expect(pages).toEqual([1, 1, 1]);
  });

  it('a storage that ignores the limit makes pages larger, without skipped entries or a lower commit index', () => {
    class Generous extends MemoryStorage {
      override entries(lo: number, hi: number): Entry[] {
        return super.entries(lo, hi, Infinity);
      }
    }
    const storage = new Generous();
    storage.applySnapshot({
      metadata: { confState: { ...emptyConfState, voters: [1n] }, index: 0, term: 0 },
    });
    storage.append(sized(10));
    storage.setHardState({ term: 1, vote: 1n, commit: 10 });
    const node = new TestNode(storage, { maxCommittedSizePerReady: 300 });
    node.step({
      type: MessageType.App,
      from: 2n,
      term: 1,
      index: 10,
      logTerm: 1,
      entries: entriesOf('11:1'),
      commit: 11,
    });
    node.settle();
    expect(node.applied.map(({ index }) => index)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(storage.initialState().hardState.commit).toBe(11);
  });
});

describe('status', () => {
  it('has copies of the progress of members on a leader only', () => {
    const network = clusterOf(3);
    network.campaign(1n);
    const status = network.node(1n).raw.status();
    expect([...status.progress.keys()]).toEqual([1n, 2n, 3n]);
    network.propose(1n, 'x');
    expect(status.progress.get(2n)?.match).toBe(1);
    expect(network.node(2n).raw.status()).toMatchObject({
      id: 2n,
      term: 1,
      vote: 1n,
      commit: 2,
      applied: 2,
      lead: 1n,
      raftState: StateType.Follower,
      leadTransferee: 0n,
    });
    expect(network.node(2n).raw.status().progress.size).toBe(0);
  });

  it('members are visited in ascending order of their ids, as unsigned numbers of 64 bits', () => {
    const voters = [2n ** 63n + 1n, 1n, 2n ** 64n - 3n, 10n, 9n];
    const node = new TestNode(storageOf({ voters }));
    const seen: bigint[] = [];
    node.raw.visitProgress(({ id }) => seen.push(id));
    expect(seen).toEqual([1n, 9n, 10n, 2n ** 63n + 1n, 2n ** 64n - 3n]);
    node.raw.campaign();
    expect(taken(node).map(({ to }) => to)).toEqual(seen.slice(1));
  });
});
