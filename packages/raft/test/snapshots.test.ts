/**
 * Snapshots of a running node: who gets which one, what ends the waiting, and what is taken over.
 */
import { emptyConfState, MessageType, newMessage, type SnapshotMetadata } from '@babuza/raftpb';
import { SimulatedClock } from '@babuza/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { defaultBabuzaConfig, type RaftEvent, type SnapshotWriter } from '../src/index.ts';
import { firstMembership } from '../src/membership/membership.ts';
import { ReplicatedState } from '../src/apply/replicated-state.ts';
import { Snapshots, type SnapshotParts } from '../src/snapshots/snapshots.ts';
import { bytesOf, MapSnapshots, newGate, PlainSessions, textOf, type Gate } from './support.ts';

let state: ReplicatedState;
let manager: MapSnapshots;
let log: string[];
let tasks: (() => Promise<void> | void)[];
let prepared: number[];
let save: (writer: SnapshotWriter, signal: AbortSignal) => Promise<void>;
let isApplyStopped: boolean;

const confState = { ...emptyConfState, voters: [1n] };
const at = (index: number): SnapshotMetadata => ({ index, term: 1, confState });

beforeEach(() => {
  state = new ReplicatedState(new PlainSessions());
  state.membership = firstMembership([{ id: 1n, address: 'address-1' }]);
  manager = new MapSnapshots();
  [log, tasks, prepared, isApplyStopped] = [[], [], [], false];
  save = async (writer) => writer.write(bytesOf('state'));
  applied(10);
});

function applied(index: number): void {
  Object.assign(state, { appliedIndex: index, appliedTerm: 1, confState });
}

function newSnapshots(
  kind: 'memory' | 'disk' = 'disk',
  others: Partial<SnapshotParts<unknown, unknown>> = {},
): Snapshots<unknown, unknown> {
  const machine = {
    kind,
    prepareSnapshot: () => void prepared.push(state.appliedIndex),
    saveSnapshot: (...given: unknown[]) => {
      const [writer, signal] = given.slice(-2) as [SnapshotWriter, AbortSignal];
      return save(writer, signal);
    },
    restoreSnapshot: async () => {
      await Promise.resolve();
      log.push(`machine restored, applied ${state.appliedIndex}`);
    },
  };
  const parts: Partial<SnapshotParts<unknown, unknown>> = {
    config: { ...defaultBabuzaConfig(1, 1, 'address-1'), snapshotEntries: 100, snapshotsKept: 1 },
    manager,
    wal: { purge: async () => undefined as never },
    storage: { createSnapshot: () => undefined, firstIndex: () => 1000 },
    append: { save: async () => undefined },
    markers: [],
    logger: undefined,
    ownership: { recorded: async () => undefined },
    apply: {
      run: (task: () => Promise<void> | void) => {
        if (!isApplyStopped) tasks.push(task);
      },
    } as never,
    state,
    stateMachine: machine as never,
    machineAppliedIndex: 0,
    clock: new SimulatedClock(),
    tell: ({ type }) => void log.push(type),
    checkIdentity: () => undefined,
    matchOf: () => 0,
    ...others,
  };
  return new Snapshots(parts as SnapshotParts<unknown, unknown>);
}

const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

/** Lets the apply path do what waits for it. */
async function runTasks(): Promise<void> {
  for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) await task();
  await turn();
}

function take(snapshots: Snapshots<unknown, unknown>): { end: unknown } {
  const noted: { end: unknown } = { end: undefined };
  snapshots.take({
    resolve: ({ index }) => {
      noted.end = index;
    },
    reject: (error) => {
      noted.end = Reflect.get(Object(error), 'code') ?? String(error);
    },
  });
  return noted;
}

const saving = (gate: Gate): typeof save => {
  return async (writer) => {
    await gate.passed;
    await writer.write(bytesOf('state'));
  };
};

describe('who asks for a snapshot', () => {
  it('before its content is fixed shares it, and who asks later gets the next one', async () => {
    const gate = newGate();
    save = saving(gate);
    const snapshots = newSnapshots();
    const [first, second] = [take(snapshots), take(snapshots)];
    await runTasks();
    applied(15);
    const third = take(snapshots);
    gate.open();
    await runTasks();
    await runTasks();
    expect([first.end, second.end, third.end, prepared]).toEqual([10, 10, 15, [10, 15]]);
  });

  it('gets the newest where nothing was applied since', async () => {
    const snapshots = newSnapshots();
    const first = take(snapshots);
    await runTasks();
    const second = take(snapshots);
    await runTasks();
    applied(11);
    const third = take(snapshots);
    await runTasks();
    expect([first.end, second.end, third.end, prepared]).toEqual([10, 10, 11, [10, 11]]);
  });

  it('gets one again where the files of the newest are damaged and nothing was applied since', async () => {
    const snapshots = newSnapshots();
    const first = take(snapshots);
    await runTasks();
    manager.damaged.add(10);
    await manager.verify({ index: 10 });
    const second = take(snapshots);
    await runTasks();
    expect([first.end, second.end, prepared]).toEqual([10, 10, [10, 10]]);
  });

  it('is told of a failure, and the next one is made', async () => {
    save = () => Promise.reject(new Error('the machine cannot do this'));
    const snapshots = newSnapshots();
    const first = take(snapshots);
    await runTasks();
    save = async () => undefined;
    const second = take(snapshots);
    await runTasks();
    expect([first.end, second.end]).toEqual(['Error: the machine cannot do this', 10]);
    expect(log).toEqual(['snapshot-failed', 'snapshot-taken']);
  });

  it('is told of a failure as an error, whatever the machine threw', async () => {
    save = () => Promise.reject('the disk is full');
    const noted = take(newSnapshots());
    await runTasks();
    expect([noted.end, log]).toEqual(['Error: the disk is full', ['snapshot-failed']]);
  });

  it('while another one fails gets its own', async () => {
    const gate = newGate();
    save = async () => {
      await gate.passed;
      throw new Error('the machine cannot do this');
    };
    const snapshots = newSnapshots();
    const first = take(snapshots);
    await runTasks();
    const second = take(snapshots);
    save = async () => undefined;
    gate.open();
    await turn();
    await runTasks();
    expect([first.end, second.end]).toEqual(['Error: the machine cannot do this', 10]);
  });

  it.each([
    [9, 'RAFT_BUSY'],
    [10, 10],
    [11, 11],
  ])('of a state on disk that is at 10 gets one from there on: %i', async (index, expected) => {
    applied(index);
    const snapshots = newSnapshots('disk', { machineAppliedIndex: 10 });
    const noted = take(snapshots);
    await runTasks();
    expect(noted.end).toBe(expected);
  });

  it('before anything was applied is told so', async () => {
    state.confState = undefined;
    const noted = take(newSnapshots());
    await runTasks();
    expect(noted.end).toBe('RAFT_BUSY');
    expect([prepared, log, manager.list()]).toEqual([[], ['snapshot-failed'], []]);
  });
});

describe('the report of a snapshot', () => {
  it('says how long its making took', async () => {
    const clock = new SimulatedClock();
    await clock.advance(5000);
    const events: RaftEvent[] = [];
    save = () => clock.advance(70);
    const snapshots = newSnapshots('disk', { clock, tell: (event) => void events.push(event) });
    const taken = new Promise((resolve, reject) => snapshots.take({ resolve, reject }));
    await runTasks();
    await taken;
    expect(events).toMatchObject([{ type: 'snapshot-taken', durationMs: 70 }]);
  });
});

describe('what belongs to a snapshot', () => {
  it('is that of its index, whatever is applied while it is made', async () => {
    const gate = newGate();
    save = saving(gate);
    const snapshots = newSnapshots();
    state.timeMs = 1000;
    take(snapshots);
    await runTasks();
    applied(20);
    state.timeMs = 2000;
    gate.open();
    await turn();
    const [stored] = manager.stored;
    expect(stored?.snapshot.metadata).toEqual(at(10));
    expect(textOf(stored?.files.get('node.json'))).toContain('"timeMs":1000');
  });

  it('has the members of its index in its marker, whatever change is applied while it is made', async () => {
    const gate = newGate();
    save = saving(gate);
    const marked: unknown[] = [];
    const append = {
      save: async (batch: { snapshot?: unknown }) => void marked.push(batch.snapshot),
    };
    take(newSnapshots('disk', { append }));
    await runTasks();
    applied(20);
    Object.assign(state, { confState: { ...confState, voters: [1n, 2n, 3n] } });
    gate.open();
    await turn();
    expect(marked).toEqual([at(10)]);
  });

  it('of a machine in memory holds the apply path until it is saved', async () => {
    const gate = newGate();
    save = saving(gate);
    take(newSnapshots('memory'));
    let isFree = false;
    const running = Promise.resolve(tasks.shift()?.()).then(() => (isFree = true));
    await turn();
    expect(isFree).toBe(false);
    gate.open();
    await running;
  });

  it('of a machine on disk holds it until it is prepared', async () => {
    save = () => new Promise(() => undefined);
    take(newSnapshots('disk'));
    await tasks.shift()?.();
    expect(prepared).toEqual([10]);
  });
});

describe('automatic snapshots', () => {
  it.each([
    [99, 0],
    [100, 1],
    [101, 1],
  ])('are made from 100 entries on: %i', (entries, expected) => {
    applied(entries);
    const snapshots = newSnapshots();
    snapshots.maybeTake();
    snapshots.maybeTake();
    expect(tasks).toHaveLength(expected);
  });

  it('that failed are tried again a tenth later', async () => {
    save = () => Promise.reject(new Error('full'));
    const snapshots = newSnapshots();
    const made: number[] = [];
    for (const index of [100, 101, 109, 110]) {
      applied(index);
      snapshots.maybeTake();
      if (tasks.length > 0) made.push(index);
      await runTasks();
    }
    expect(made).toEqual([100, 110]);
  });

  it('that failed are tried again a tenth later, rounded up', async () => {
    save = () => Promise.reject(new Error('full'));
    const config = { ...defaultBabuzaConfig(1, 1, 'address-1'), snapshotEntries: 115 };
    const snapshots = newSnapshots('disk', { config });
    const made: number[] = [];
    for (let index = 110; index < 130; index += 1) {
      applied(index);
      snapshots.maybeTake();
      if (tasks.length > 0) made.push(index);
      await runTasks();
    }
    expect(made).toEqual([115, 127]);
  });

  it.each([
    [149, 0],
    [150, 1],
  ])('of a state on disk that is at 150 are made from there on: %i', (index, expected) => {
    applied(index);
    newSnapshots('disk', { machineAppliedIndex: 150 }).maybeTake();
    expect(tasks).toHaveLength(expected);
  });

  it('begin when the one before has ended and so much was applied meanwhile', async () => {
    const gate = newGate();
    save = saving(gate);
    const snapshots = newSnapshots();
    take(snapshots);
    await runTasks();
    applied(110);
    snapshots.maybeTake();
    expect(tasks).toHaveLength(0);
    gate.open();
    await turn();
    expect(tasks).toHaveLength(1);
  });
});

describe('the end of the node', () => {
  it('is told to all who wait for a snapshot, also for the next one', async () => {
    save = (_, signal) =>
      new Promise((__, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    const snapshots = newSnapshots();
    const first = take(snapshots);
    await runTasks();
    const next = take(snapshots);
    snapshots.stop();
    isApplyStopped = true;
    expect([first.end, next.end]).toEqual(['RAFT_STOPPED', 'RAFT_STOPPED']);
    await turn();
    expect([take(snapshots).end, log]).toEqual(['RAFT_STOPPED', []]);
  });

  it('begins no automatic snapshot, although one is due', async () => {
    const warnings: string[] = [];
    const ignore = (): void => undefined;
    const warn = (message: string): void => void warnings.push(message);
    const logger = { debug: ignore, info: ignore, warn, error: ignore };
    const snapshots = newSnapshots('disk', { logger });
    applied(100);
    snapshots.stop();
    expect([warnings, tasks]).toEqual([[], []]);
  });

  it('waits for a machine that saves its state, and for nothing else', async () => {
    const gate = newGate();
    save = saving(gate);
    const snapshots = newSnapshots();
    await snapshots.saved();
    take(snapshots);
    await runTasks();
    snapshots.stop();
    let isSaved = false;
    const saved = snapshots.saved().then(() => (isSaved = true));
    await turn();
    expect(isSaved).toBe(false);
    gate.open();
    await saved;
  });
});

describe('a snapshot of another member', () => {
  const stream = (): AsyncIterable<Uint8Array> => manager.send({ index: 20 });
  const message = newMessage({
    type: MessageType.Snap,
    snapshot: { metadata: at(20), data: bytesOf('20-1') },
  });

  async function store(): Promise<void> {
    const node = new ReplicatedState(new PlainSessions());
    node.membership = state.membership;
    await manager.create(at(20), async (files) => {
      await files.writeFile('node.json', [node.encode()]);
      await files.writeFile('state', [bytesOf('state')]);
    });
  }

  it('is taken over after its state: reads are answered by its index', async () => {
    await store();
    const snapshots = newSnapshots();
    snapshots.installing(at(20));
    expect(snapshots.newest()).toBeUndefined();
    await snapshots.restoring({ metadata: at(20) })();
    expect(log).toEqual(['machine restored, applied 10']);
    expect([state.appliedIndex, snapshots.newest()?.index]).toEqual([20, 20]);
  });

  it('without a state of the machine leaves the machine as it is', async () => {
    const node = new ReplicatedState(new PlainSessions());
    await manager.create(at(20), (files) => files.writeFile('node.json', [node.encode()]));
    await newSnapshots().restoring({ metadata: at(20) })();
    expect([log, state.appliedIndex]).toEqual([[], 20]);
  });

  it('that the log relies on is not discarded, and another one is', async () => {
    await store();
    const removed: number[] = [];
    manager.remove = async ({ index }) => void removed.push(index);
    const snapshots = newSnapshots();
    await snapshots.discard(at(20));
    snapshots.installing(at(20));
    await snapshots.discard(at(20));
    await snapshots.discard(at(21));
    expect(removed).toEqual([20, 21]);
  });

  it('that is being installed is the next one: none is made of the state that it replaces', async () => {
    await store();
    const snapshots = newSnapshots();
    snapshots.installing(at(20));
    const waiting = take(snapshots);
    await runTasks();
    expect([prepared, waiting.end]).toEqual([[], undefined]);
    await snapshots.restoring({ metadata: at(20) })();
    expect([prepared, waiting.end]).toEqual([[], 20]);
  });

  it('makes older ones and the log below it go', async () => {
    const purged: number[] = [];
    await manager.create(at(10), async (files) => files.writeFile('state', [bytesOf('state')]));
    await store();
    const snapshots = newSnapshots('disk', {
      markers: [at(10)],
      storage: { createSnapshot: () => undefined, firstIndex: () => 1 },
      wal: { purge: async (toIndex) => void purged.push(toIndex) as never },
      config: {
        ...defaultBabuzaConfig(1, 1, 'address-1'),
        snapshotsKept: 1,
        compactionMargin: 0,
      },
    });
    await snapshots.restoring({ metadata: at(20) })();
    expect([manager.list().map(({ metadata }) => metadata.index), purged]).toEqual([[20], [20]]);
  });

  it('is the answer for those who asked while it was on its way, and not for those who ask later', async () => {
    await store();
    const snapshots = newSnapshots();
    snapshots.installing(at(20));
    const early = take(snapshots);
    await runTasks();
    expect(early.end).toBeUndefined();
    await snapshots.restoring({ metadata: at(20) })();
    expect(early.end).toBe(20);
    applied(25);
    const gate = newGate();
    save = saving(gate);
    const late = take(snapshots);
    await runTasks();
    await snapshots.restoring({ metadata: at(20) })();
    expect(late.end).toBeUndefined();
    gate.open();
    await runTasks();
    expect(late.end).toBe(25);
  });

  it('that cannot be read fails where it is restored, and not before', async () => {
    const restore = newSnapshots().restoring({ metadata: at(20) });
    await turn();
    await expect(restore()).rejects.toThrow('no snapshot 20');
  });

  it('is held from when its marker is durable, until its turn comes', async () => {
    await store();
    const read = manager.read.bind(manager);
    const reads: number[] = [];
    let isOpen = false;
    manager.read = async (place) => {
      reads.push(place.index);
      isOpen = true;
      const open = await read(place);
      return { ...open, [Symbol.asyncDispose]: async () => void (isOpen = false) };
    };
    const restore = newSnapshots().restoring({ metadata: at(20) });
    expect([reads, isOpen]).toEqual([[20], true]);
    await restore();
    expect([reads, isOpen]).toEqual([[20], false]);
  });

  it('of another cluster is not taken, and its files go', async () => {
    await store();
    const removed: number[] = [];
    manager.remove = async (...given: unknown[]) =>
      void removed.push((given[0] as SnapshotMetadata).index);
    const refusal = new Error('of another cluster');
    const snapshots = newSnapshots('disk', {
      checkIdentity: () => {
        throw refusal;
      },
    });
    const receiving = snapshots.receive(message, stream(), new AbortController().signal);
    await expect(receiving).rejects.toBe(refusal);
    expect(removed).toEqual([20]);
  });

  it('that could not be looked at before the connection ended stays, and is looked at with the next attempt', async () => {
    await store();
    const removed: unknown[] = [];
    manager.remove = async (...given: unknown[]) => void removed.push(given);
    const read = manager.read.bind(manager);
    manager.read = () =>
      Promise.reject(Object.assign(new Error('no descriptor'), { code: 'SNAPSHOT_TRY_AGAIN' }));
    let looked = 0;
    const snapshots = newSnapshots('disk', { checkIdentity: () => void (looked += 1) });
    const connection = new AbortController();
    const receiving = snapshots.receive(message, stream(), connection.signal);
    const ended = expect(receiving).rejects.toThrow('the connection ended');
    await turn();
    connection.abort(new Error('the connection ended'));
    await ended;
    expect([removed, looked]).toEqual([[], 0]);
    manager.read = read;
    await snapshots.receive(message, stream(), new AbortController().signal);
    expect([removed, looked]).toEqual([[], 1]);
  });

  it('of another cluster is refused when its files have gone, also where they cannot go', async () => {
    await store();
    const gate = newGate();
    const refusal = new Error('of another cluster');
    const snapshots = newSnapshots('disk', {
      checkIdentity: () => {
        throw refusal;
      },
    });
    let end: unknown;
    manager.remove = async () => {
      await gate.passed;
      throw new Error('they cannot go');
    };
    const receiving = snapshots
      .receive(message, stream(), new AbortController().signal)
      .catch((error: unknown) => (end = error));
    await turn();
    expect(end).toBeUndefined();
    gate.open();
    await receiving;
    expect(end).toBe(refusal);
  });

  it('is received no more when the node stops, or the connection ends', async () => {
    for (const end of ['node', 'connection']) {
      const control = new AbortController();
      const snapshots = newSnapshots();
      let isAborted = (): boolean => false;
      manager.receive = async (...given) => {
        const signal = given[3];
        isAborted = () => signal?.aborted === true;
        return new Promise(() => undefined);
      };
      void snapshots.receive(message, stream(), control.signal).catch(() => undefined);
      await turn();
      expect(isAborted()).toBe(false);
      if (end === 'node') snapshots.stop();
      else control.abort();
      expect(isAborted(), end).toBe(true);
    }
  });

  it('without a manifest is refused', async () => {
    const bare = newMessage({ type: MessageType.Snap, snapshot: { metadata: at(20) } });
    const receiving = newSnapshots().receive(bare, stream(), new AbortController().signal);
    await expect(receiving).rejects.toMatchObject({ code: 'RAFT_STATE_UNREADABLE' });
  });
});
