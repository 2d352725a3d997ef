/**
 * The loop by itself, around a real core: what reaches the core, the log and the others, and when.
 */
import {
  localAppendThread,
  localApplyThread,
  MemoryStorage,
  RawNode,
  type Ready,
} from '@babuza/raft-core';
import {
  ConfChangeTransition,
  ConfChangeType,
  EntryType,
  MessageType,
  newMessage,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  type Message,
} from '@babuza/raftpb';
import { SimulatedClock } from '@babuza/testkit';
import type { SaveBatch } from '@babuza/wal-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { CoreDriver } from '../src/driver/core-driver.ts';
import { Loop, type LoopParts } from '../src/driver/loop.ts';

const confState = (...voters: bigint[]): ConfState => ({
  voters,
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
});

const addVoter = (nodeId: bigint): ConfChangeV2 => ({
  transition: ConfChangeTransition.Auto,
  changes: [{ type: ConfChangeType.AddNode, nodeId }],
});

interface Submitted {
  readonly batch: SaveBatch;
  readonly done: () => void;
}

/** A clock of a process that can stand still: the time goes on, and no timer fires. */
class StandingClock extends SimulatedClock {
  stoodMs = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + this.stoodMs;
  }
}

let clock: StandingClock;
let node: RawNode;
let submitted: Submitted[];
let tasks: (() => Promise<void> | void)[];
let applied: { readonly entries: readonly Entry[]; readonly done: () => void }[];
let sent: Message[];
let answered: Message[];
/** How many messages each call of the transport had. */
let sends: number[];
/** How many reads each call had that told of some. */
let reads: number[];
let events: string[];
let failures: unknown[];
let reports: ((sent: boolean) => void)[];
let ticks: number[];
let beforeTurn: () => void;
let loop: Loop<unknown, unknown>;
let core: CoreDriver;
let stopCause: Error | undefined;

/** Node 2 of three, which knows entry 1 of term 1 as a snapshot. */
function start(voters: readonly bigint[] = [1n, 2n, 3n], isEmpty = false): void {
  clock = new StandingClock();
  const storage = new MemoryStorage();
  if (!isEmpty) {
    storage.applySnapshot({ metadata: { index: 1, term: 1, confState: confState(...voters) } });
    storage.setHardState({ term: 1, vote: 0n, commit: 1 });
  }
  node = new RawNode({
    id: 2n,
    storage,
    electionTick: 10,
    heartbeatTick: 1,
    maxSizePerMsg: 4096,
    maxInflightMsgs: 4,
    applied: isEmpty ? 0 : 1,
    asyncStorageWrites: true,
    preVote: false,
    random: () => 0,
  });
  [submitted, tasks, applied, sent, sends, reads, events, failures, reports, ticks] = [
    [],
    [],
    [],
    [],
    [],
    [],
    [],
    [],
    [],
    [],
  ];
  answered = [];
  beforeTurn = () => undefined;
  stopCause = undefined;
  core = new CoreDriver(node, {
    wake: () => loop.wake(),
    onFailure: (error) => void failures.push(error),
    stopCause: () => stopCause,
  });
  const parts = {
    core,
    nodeId: 2n,
    clock,
    tickMs: 100,
    lostEntries: { answered: (message: Message) => void answered.push(message) },
    storage: Object.assign(storage, {
      applySnapshot: () => void events.push('storage shows the snapshot'),
    }),
    append: {
      submit: (batch: SaveBatch, done: () => void) => void submitted.push({ batch, done }),
    },
    apply: {
      apply: (entries: readonly Entry[], done: () => void) => void applied.push({ entries, done }),
      run: (task: () => Promise<void> | void) => void tasks.push(task),
    },
    snapshots: {
      installing: ({ index }: { index: number }) => void events.push(`installing ${index}`),
      restoring: () => {
        events.push('opened');
        return async () => void events.push('restored');
      },
      send: async (_: Message, report: (sent: boolean) => void) => void reports.push(report),
    },
    transport: {
      send: (messages: readonly Message[]) => {
        sends.push(messages.length);
        sent.push(...messages);
      },
    },
    onTick: (passedMs: number) => void ticks.push(passedMs),
    beforeTurn: () => beforeTurn(),
    onRole: () => undefined,
    onReads: (states: readonly unknown[]) => void reads.push(states.length),
    onInstalled: ({ index }: { index: number }) => void events.push(`installed ${index}`),
    onFailure: (error: unknown) => void failures.push(error),
  };
  loop = new Loop(parts as unknown as LoopParts<unknown, unknown>);
}

beforeEach(() => start());

/** Lets the turn of the loop happen that is due. */
const turn = (): Promise<void> => clock.advance(0);

const snapshotAt = (index: number, ...voters: bigint[]): Message =>
  newMessage({
    type: MessageType.Snap,
    from: 1n,
    to: 2n,
    term: 2,
    snapshot: { metadata: { index, term: 2, confState: confState(...voters) } },
  });

const appendOf = (...entries: Entry[]): Message =>
  newMessage({
    type: MessageType.App,
    from: 1n,
    to: 2n,
    term: 2,
    index: 1,
    logTerm: 1,
    commit: 0,
    entries,
  });

const entry = (index: number, term = 2): Entry => ({ index, term, type: EntryType.Normal });

const voters = (): readonly bigint[] => [...node.status().config.incoming];

/** The core has this to say, once. */
function readyOnce(ready: Partial<Ready>): void {
  node.ready = () => ({ messages: [], readStates: [], softState: undefined, ...ready }) as never;
  let hasReady = true;
  node.hasReady = () => {
    const has = hasReady;
    hasReady = false;
    return has;
  };
}

const take = (): Submitted => {
  const next = submitted.shift();
  if (next === undefined) throw new Error('nothing was submitted');
  return next;
};

describe('a change of the membership that an installed snapshot covers', () => {
  // The core counts by the membership of a snapshot from the step that takes it on.
  it('does not reach the core, and the one behind the snapshot does', async () => {
    loop.receive(snapshotAt(10, 1n, 2n));
    await turn();
    expect(loop.applyToCore(addVoter(4n), 9)).toBeUndefined();
    expect(loop.applyToCore(addVoter(4n), 10)).toBeUndefined();
    expect(voters()).toEqual([1n, 2n]);
    expect(loop.applyToCore(addVoter(4n), 11)).toMatchObject({ voters: [1n, 2n, 4n] });
  });

  it('does not reach the core before the turn in which the snapshot is saved', async () => {
    loop.receive(snapshotAt(10, 1n, 2n));
    expect(loop.applyToCore(addVoter(4n), 9)).toBeUndefined();
    expect(loop.applyToCore(addVoter(4n), 10)).toBeUndefined();
    expect(voters()).toEqual([1n, 2n]);
    await turn();
    expect(take().batch.snapshot?.index).toBe(10);
    expect(voters()).toEqual([1n, 2n]);
  });

  it('reaches the core where the log has the snapshot already, and only its index is taken', async () => {
    loop.receive(appendOf(entry(2), entry(3)));
    await turn();
    loop.receive(snapshotAt(3, 1n, 2n));
    expect(loop.applyToCore(addVoter(4n), 2)).toMatchObject({ voters: [1n, 2n, 3n, 4n] });
    await turn();
    expect(loop.applyToCore(addVoter(5n), 3)).toMatchObject({ voters: [1n, 2n, 3n, 4n, 5n] });
  });

  it('does not reach the core where two snapshots follow each other', async () => {
    loop.receive(snapshotAt(10, 1n, 2n));
    await turn();
    loop.receive(snapshotAt(20, 1n, 2n, 5n));
    for (const index of [10, 11, 20]) expect(loop.applyToCore(addVoter(4n), index)).toBeUndefined();
    await turn();
    for (const index of [10, 11, 20]) expect(loop.applyToCore(addVoter(4n), index)).toBeUndefined();
    expect(voters()).toEqual([1n, 2n, 5n]);
  });
});

describe('a change of the membership that no core can make', () => {
  const change = (...changes: ConfChangeV2['changes']): ConfChangeV2 => ({
    transition: ConfChangeTransition.Auto,
    changes,
  });
  const [addNode, removeNode] = [ConfChangeType.AddNode, ConfChangeType.RemoveNode];

  it.each([
    ['leaves no voter', change(...[1n, 2n, 3n].map((nodeId) => ({ type: removeNode, nodeId })))],
    ['leaves joint consensus, where there is none', change()],
  ])('is refused, and nothing is changed: one that %s', (_, impossible) => {
    const error = loop.applyToCore(impossible, 2);
    expect(error).toMatchObject({
      code: 'RAFT_CONF_CHANGE_REFUSED',
      message: expect.stringContaining('at index 2 cannot be made'),
    });
    expect([voters(), failures]).toEqual([[1n, 2n, 3n], []]);
    expect(loop.applyToCore(addVoter(4n), 3)).toMatchObject({ voters: [1n, 2n, 3n, 4n] });
  });

  it('is refused while the membership is joint', () => {
    const joint = change({ type: addNode, nodeId: 4n }, { type: addNode, nodeId: 5n });
    expect(loop.applyToCore(joint, 2)).toMatchObject({ votersOutgoing: [1n, 2n, 3n] });
    for (const next of [joint, addVoter(6n)]) {
      expect(loop.applyToCore(next, 3)).toMatchObject({ code: 'RAFT_CONF_CHANGE_REFUSED' });
    }
    expect(loop.applyToCore(change(), 4)).toMatchObject({ votersOutgoing: [] });
    expect(failures).toEqual([]);
  });

  it('is none where the core fails in another way: that stops the node', () => {
    const broken = new Error('the core is in the middle of something');
    node.applyConfChange = () => {
      throw broken;
    };
    expect(() => loop.applyToCore(addVoter(4n), 2)).toThrow(broken);
    expect(failures).toEqual([broken]);
  });
});

describe('the order of a save', () => {
  it('what is to be said after it leaves when it has resolved, and what came back to the core too', async () => {
    loop.receive(appendOf(entry(2)));
    await turn();
    expect([sent, answered]).toEqual([[], []]);
    const { batch, done } = take();
    expect([batch.entries?.length, batch.hardState]).toEqual([1, { term: 2, vote: 0n, commit: 1 }]);
    done();
    expect(sent.map(({ type, index }) => [type, index])).toEqual([[MessageType.AppResp, 2]]);
    expect(answered).toEqual(sent);
  });

  it('a snapshot shows when its marker is durable, is opened at once, and is restored on the apply path', async () => {
    loop.receive(snapshotAt(10, 1n, 2n));
    await turn();
    expect([events, tasks.length]).toEqual([['installing 10'], 0]);
    take().done();
    expect(events).toEqual(['installing 10', 'storage shows the snapshot', 'opened']);
    await tasks.shift()?.();
    expect(events.slice(3)).toEqual(['restored', 'installed 10']);
    expect(sent.map(({ type, index }) => [type, index])).toEqual([[MessageType.AppResp, 10]]);
  });

  it('nothing is said any more when the node has stopped', async () => {
    loop.receive(appendOf(entry(2)));
    await turn();
    const { done } = take();
    loop.stop();
    done();
    expect(sent).toEqual([]);
  });

  it('saves nothing for the hard state where nothing of it has changed', async () => {
    loop.receive(appendOf(entry(2)));
    await turn();
    take();
    loop.receive(appendOf(entry(2), entry(3)));
    await turn();
    expect(take().batch.hardState).toBeUndefined();
  });
});

describe('a turn', () => {
  it('asks the log and the transport for nothing where there is nothing to save or to send', async () => {
    loop.receive(appendOf(entry(2)));
    await turn();
    // The entry, and no save for votes that nobody is asked for.
    expect([submitted.length, sends, reads]).toEqual([1, [], []]);
    take().done();
    expect(sends).toEqual([1]);
    loop.wake();
    await turn();
    expect([submitted.length, sends, reads]).toEqual([0, [1], []]);
  });

  it('sends nothing where only this node itself is to hear of something', async () => {
    const stepped: Message[] = [];
    node.step = (message) => void stepped.push(message);
    const to = localApplyThread;
    const response = newMessage({ type: MessageType.StorageApplyResp, from: to, to: 2n });
    const responses = [response];
    const message = {
      type: MessageType.StorageApply,
      from: 2n,
      to,
      entries: [entry(2)],
      responses,
    };
    readyOnce({ messages: [newMessage(message)] });
    loop.wake();
    await turn();
    expect([applied.length, stepped]).toEqual([1, []]);
    applied[0]?.done();
    expect([stepped, sends]).toEqual([[response], []]);
  });

  it('tells of reads where the core has answers', async () => {
    readyOnce({ readStates: [{ index: 1, requestContext: new Uint8Array(1) }] });
    loop.wake();
    await turn();
    expect(reads).toEqual([1]);
  });
});

describe('the hard state of a node whose log is empty', () => {
  it('is saved although nothing is committed yet: the term, and the vote', async () => {
    start([], true);
    loop.receive(newMessage({ type: MessageType.Heartbeat, from: 1n, to: 2n, term: 2 }));
    await turn();
    expect(take().batch.hardState).toEqual({ term: 2, vote: 0n, commit: 0 });
    loop.receive(newMessage({ type: MessageType.Vote, from: 3n, to: 2n, term: 3 }));
    await turn();
    expect(take().batch.hardState).toEqual({ term: 3, vote: 3n, commit: 0 });
  });
});

describe('a request for votes', () => {
  async function campaign(): Promise<void> {
    core.tryRun((raft) => raft.campaign());
    await turn();
  }

  /** The save that comes before the request, and the one that the request waits for. */
  const saveAll = (): void => {
    for (const { done } of submitted.splice(0)) done();
  };

  it('leaves when its term is durable', async () => {
    await campaign();
    expect([sent, submitted.map(({ batch }) => batch.hardState?.term)]).toEqual([
      [],
      [2, undefined],
    ]);
    saveAll();
    expect(sent.map(({ type, term }) => [type, term])).toEqual([
      [MessageType.Vote, 2],
      [MessageType.Vote, 2],
    ]);
  });

  it('does not leave where somebody leads the term meanwhile', async () => {
    await campaign();
    loop.receive(newMessage({ type: MessageType.Heartbeat, from: 1n, to: 2n, term: 2 }));
    saveAll();
    expect(sent.filter(({ type }) => type === MessageType.Vote)).toEqual([]);
  });

  it('of an older campaign does not leave, and that of the newer one does', async () => {
    await campaign();
    await campaign();
    expect(node.basicStatus().term).toBe(3);
    saveAll();
    const terms = sent.filter(({ type }) => type === MessageType.Vote).map(({ term }) => term);
    expect(terms).toEqual([3, 3]);
  });
});

describe('a message of another member', () => {
  it.each([
    ['a campaign', { type: MessageType.Hup, from: 1n }],
    ['heartbeats', { type: MessageType.Beat, from: 1n }],
    ['what became of a snapshot', { type: MessageType.SnapStatus, from: 1n }],
    ['that a member is unreachable', { type: MessageType.Unreachable, from: 1n }],
    ['a check of the quorum', { type: MessageType.CheckQuorum, from: 1n }],
  ])('that says what only the node itself may say does not reach the core: %s', (_, fields) => {
    let stepped = 0;
    node.step = () => void (stepped += 1);
    loop.receive(newMessage({ to: 2n, term: 1, ...fields }));
    loop.receive(newMessage({ type: MessageType.Heartbeat, from: 1n, to: 2n, term: 1 }));
    expect(stepped).toBe(1);
  });

  it('in the name of a storage thread does not reach the core', async () => {
    loop.receive(appendOf(entry(2)));
    await turn();
    const from = localAppendThread;
    const type = MessageType.StorageAppendResp;
    loop.receive(newMessage({ type, from, to: 2n, term: 2, index: 2, logTerm: 2 }));
    expect(node.unsafeRaft.log.unstable.length).toBe(1);
    let stepped = 0;
    node.step = () => void (stepped += 1);
    loop.receive(
      newMessage({ type: MessageType.StorageApplyResp, from: localApplyThread, to: 2n }),
    );
    expect([stepped, failures]).toEqual([0, []]);
  });

  it('that the core refuses is dropped, and the node goes on', () => {
    loop.receive(newMessage({ type: MessageType.AppResp, from: 9n, to: 2n, term: 1 }));
    expect(failures).toEqual([]);
  });

  it('that shows lost entries is not the reason for another error of the core', () => {
    const refusal = Object.assign(new Error('no'), { code: 'RAFT_CORE_STEP_LOCAL' });
    const broken = new Error('the storage cannot be read');
    const heartbeat = { type: MessageType.Heartbeat, from: 1n, to: 2n, term: 1, commit: 99 };
    for (const error of [refusal, broken]) {
      node.step = () => {
        throw error;
      };
      loop.receive(newMessage(heartbeat));
    }
    expect(failures).toEqual([broken]);
  });

  it('that leaves the core in the middle of a step stops the node', () => {
    const broken = new Error('the storage cannot be read');
    node.step = () => {
      throw broken;
    };
    loop.receive(newMessage({ type: MessageType.Heartbeat, from: 1n, to: 2n, term: 1 }));
    expect(failures).toEqual([broken]);
    loop.stop();
    stopCause = broken;
    loop.receive(newMessage({ type: MessageType.Heartbeat, from: 1n, to: 2n, term: 1 }));
    expect(failures).toHaveLength(1);
  });
});

describe('a call', () => {
  it('within a turn gets a turn of its own', async () => {
    let turns = 0;
    beforeTurn = () => void (turns += 1);
    loop.wake();
    loop.wake();
    await turn();
    expect(turns).toBe(1);
    loop.wake();
    await turn();
    expect(turns).toBe(2);
  });

  it('that comes while a turn hands on what there is gets another turn', async () => {
    let turns = 0;
    beforeTurn = () => void (turns += 1);
    readyOnce({});
    const ready = node.ready.bind(node);
    node.ready = () => {
      // A listener of the node proposes something.
      loop.wake();
      return ready();
    };
    loop.wake();
    await turn();
    await turn();
    expect(turns).toBe(2);
  });

  it('whose turn comes after the end of the node does nothing', async () => {
    let turns = 0;
    beforeTurn = () => void (turns += 1);
    loop.wake();
    loop.stop();
    await turn();
    expect(turns).toBe(0);
  });

  it('whose turn fails stops the node', async () => {
    const broken = new Error('it cannot');
    beforeTurn = () => {
      throw broken;
    };
    loop.wake();
    await turn();
    expect(failures).toEqual([broken]);
  });
});

describe('ticks', () => {
  it('that are in time reach the core at once, and those that are late a turn later', () => {
    let coreTicks = 0;
    node.tick = () => void (coreTicks += 1);
    loop.start();
    // The first turn, then the tick.
    clock.fireNext();
    clock.fireNext();
    expect([clock.monotonicMs(), coreTicks]).toEqual([100, 1]);
    clock.stoodMs += 100;
    clock.fireNext();
    clock.fireNext();
    expect(coreTicks).toBe(1);
    loop.stop();
  });

  it('that are late do not come any more, and start no timer, where the node stops before them', async () => {
    loop.start();
    await clock.advance(100);
    clock.stoodMs += 100;
    // The timer fires, and the tick waits for what has arrived meanwhile.
    clock.fireNext();
    loop.stop();
    await clock.advance(1000);
    expect([ticks, clock.pendingCount]).toEqual([[100], 0]);
  });

  it('that are late are told, and at most two of them are made up for', async () => {
    let coreTicks = 0;
    node.tick = () => void (coreTicks += 1);
    loop.start();
    await clock.advance(100);
    expect([ticks, coreTicks]).toEqual([[100], 1]);
    // The process stands still, and a message arrives meanwhile.
    clock.stoodMs += 900;
    const coreTicksAtArrival: number[] = [];
    clock.startTimer(100, () => coreTicksAtArrival.push(coreTicks));
    await clock.advance(100);
    expect([ticks, coreTicks, coreTicksAtArrival]).toEqual([[100, 1000], 3, [1]]);
    await clock.advance(99);
    expect(ticks).toHaveLength(2);
    await clock.advance(1);
    expect([ticks.at(-1), coreTicks]).toEqual([100, 4]);
    loop.stop();
    await clock.advance(1000);
    expect([coreTicks, clock.pendingCount]).toEqual([4, 0]);
  });
});

describe('a snapshot that is sent', () => {
  it('is told to the core as it went', async () => {
    start([2n]);
    const told: unknown[] = [];
    node.reportSnapshot = (...given) => void told.push(given);
    readyOnce({ messages: [newMessage({ type: MessageType.Snap, to: 3n })] });
    loop.wake();
    await turn();
    reports[0]?.(false);
    reports[0]?.(true);
    expect(told).toEqual([
      [3n, 'failure'],
      [3n, 'finish'],
    ]);
  });
});
