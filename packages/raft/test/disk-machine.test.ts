/** A state machine on disk that is ahead of what the node knows when it starts again. */
import { MemoryStore, walBackend } from '@babuza/wal-memory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  bootstrapRaftCluster,
  defaultBabuzaConfig,
  joinRaftCluster,
  recoverAsStandalone,
  type AppliedEntry,
  type BabuzaConfig,
  type DiskStateMachine,
  type Raft,
  type SnapshotReader,
  type SnapshotWriter,
} from '../src/index.ts';
import { bytesOf, newGate, MapSnapshots, textOf, World } from './support.ts';

/** The state that a member keeps on its disk: texts, and the index of the last one. */
interface State {
  appliedIndex: number;
  texts: string[];
  logId?: string | undefined;
}

/** Writing a snapshot waits for this promise. */
let saving: Promise<void> = Promise.resolve();

class DiskList implements DiskStateMachine<undefined, string[]> {
  readonly kind = 'disk';
  readonly #state: State;

  constructor(state: State) {
    this.#state = state;
  }

  async open(): Promise<{ appliedIndex: number; logId: string | undefined }> {
    const { appliedIndex, logId } = this.#state;
    return { appliedIndex, logId };
  }

  async bindLog(logId: string): Promise<void> {
    this.#state.logId = logId;
  }

  apply(entries: readonly AppliedEntry[]): Uint8Array[] {
    return entries.map(({ index, data }) => {
      this.#state.appliedIndex = index;
      this.#state.texts.push(textOf(data));
      return bytesOf(`${this.#state.texts.length}`);
    });
  }

  query(): string[] {
    return this.#state.texts;
  }

  prepareSnapshot(): string {
    return JSON.stringify(this.#state);
  }

  async saveSnapshot(prepared: unknown, writer: SnapshotWriter): Promise<void> {
    await saving;
    await writer.write(bytesOf(String(prepared)));
  }

  async restoreSnapshot(reader: SnapshotReader): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of reader.read()) chunks.push(chunk);
    const { appliedIndex, texts }: State = JSON.parse(textOf(Buffer.concat(chunks)));
    Object.assign(this.#state, { appliedIndex, texts });
  }

  close(): void {}
}

let world: World;
let store: MemoryStore;
let snapshots: MapSnapshots;
let state: State;
let raft: Raft<undefined, string[]> | undefined;

beforeEach(() => {
  world = new World();
  store = new MemoryStore();
  snapshots = new MapSnapshots();
  state = { appliedIndex: 0, texts: [] };
});

afterEach(stop);

async function stop(): Promise<void> {
  const running = raft;
  raft = undefined;
  if (running !== undefined) await world.until(running.shutdown());
}

async function start(
  config: Partial<BabuzaConfig> = {},
  how: 'first' | 'join' | 'discard' | 'recovery' = 'first',
): Promise<Raft<undefined, string[]>> {
  const walManager = await walBackend.open('/memory', { store });
  const component = await world.component(1n, { walManager, snapshotManager: snapshots });
  const full = { ...defaultBabuzaConfig(1, 1, 'a'), ...config };
  const machine = new DiskList(state);
  const peers = [{ id: 1n, address: 'a' }];
  const options = { discardSnapshots: how === 'discard' };
  if (how === 'join') raft = await joinRaftCluster(full, machine, component);
  else if (how === 'recovery') raft = await recoverAsStandalone(full, machine, component);
  else raft = await bootstrapRaftCluster(full, peers, machine, component, options);
  return raft;
}

/** The identity record beside the log, which each start that is not refused writes. */
async function identityRecord(): Promise<Uint8Array | undefined> {
  await using manager = await walBackend.open('/memory', { store });
  await manager.replayWal();
  return manager.readIdentity();
}

const texts = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, at) => `t${from + at}`);

async function propose(...all: string[]): Promise<void> {
  for (const text of all) await world.until(raft?.propose(bytesOf(text)) ?? Promise.reject(raft));
}

async function begin(count: number): Promise<void> {
  await world.until((await start()).waitForLeader());
  await propose(...texts(1, count));
}

describe('a snapshot that takes long', () => {
  it('is followed by the next one that is due, also where nothing is applied any more', async () => {
    const running = await start({ snapshotEntries: 10 });
    await world.until(running.waitForLeader());
    const gate = newGate();
    saving = gate.passed;
    await propose(...texts(1, 40));
    expect(snapshots.list()).toHaveLength(1);
    gate.open();
    saving = Promise.resolve();
    await world.pass(1000);
    expect(running.status().snapshot?.index).toBe(running.status().appliedIndex);
  });
});

describe('a state ahead of the snapshot', () => {
  it('is not told as the state of an earlier index: another member would apply entries twice', async () => {
    await begin(12);
    await stop();
    const again = await start({ snapshotEntries: 3, applyBytesMax: 1, snapshotsKept: 100 });
    await world.until(again.waitForLeader());
    await propose(...texts(13, 30));
    await world.pass(1000);
    expect(state.texts).toEqual(texts(1, 30));
    expect(snapshots.stored.length).toBeGreaterThan(1);
    for (const { snapshot, files } of snapshots.stored) {
      const text = textOf(files.get('state'));
      const { appliedIndex } = text === '' ? { appliedIndex: 0 } : JSON.parse(text);
      expect(appliedIndex).toBeLessThanOrEqual(snapshot.metadata.index);
    }
  });

  it('refuses a manual snapshot before the node has caught up, with the reason', async () => {
    await begin(12);
    await stop();
    const again = await start({ applyBytesMax: 1 });
    const before = snapshots.stored.length;
    const taken = again.waitForApplied(4).then(() => again.manualSnapshot());
    await expect(world.until(taken)).rejects.toMatchObject({ code: 'RAFT_BUSY' });
    expect(snapshots.stored).toHaveLength(before);
    await world.until(again.waitForLeader());
    await propose('end');
    const { index } = await world.until(again.manualSnapshot());
    expect(index).toBe(again.status().appliedIndex);
  });
});

describe('a state ahead of the whole log', () => {
  /** The log loses the entries of the last texts; the state keeps them. */
  async function loseTail(): Promise<void> {
    await stop();
    state.appliedIndex += 5;
    state.texts.push('from entries that are gone');
  }

  it('is refused, and left as it is: it may hold the last copy of what was acknowledged', async () => {
    await begin(3);
    await world.until(raft?.manualSnapshot() ?? Promise.reject(raft));
    await propose('t4');
    await loseTail();
    const before = structuredClone(state);
    const written = await identityRecord();
    await expect(start()).rejects.toMatchObject({
      code: 'RAFT_LOG_OLDER',
      message: expect.stringContaining('remove the id of this member'),
    });
    expect(state).toEqual(before);
    expect(await identityRecord()).toEqual(written);
  });

  it('is refused where there is no snapshot of a state', async () => {
    await begin(3);
    await loseTail();
    await expect(start()).rejects.toMatchObject({ code: 'RAFT_LOG_OLDER' });
  });

  it('of another log is told as that', async () => {
    await begin(3);
    await loseTail();
    state.logId = 'f'.repeat(32);
    await expect(start()).rejects.toMatchObject({ code: 'RAFT_OTHER_LOG' });
  });

  it('is taken back to the snapshot by a recovery: the log is what the cluster goes on with', async () => {
    await begin(3);
    await world.until(raft?.manualSnapshot() ?? Promise.reject(raft));
    await propose('t4');
    await loseTail();
    await world.until((await start({}, 'recovery')).waitForLeader());
    await propose('t5', 't6');
    expect(state.texts).toEqual(texts(1, 6));
  });

  it('is refused by a recovery where there is no snapshot of a state', async () => {
    await begin(3);
    await loseTail();
    await expect(start({}, 'recovery')).rejects.toMatchObject({ code: 'RAFT_STATE_UNREADABLE' });
  });

  it('is refused by one that joins', async () => {
    state.appliedIndex = 7;
    await expect(start({}, 'join')).rejects.toMatchObject({ code: 'RAFT_LOG_LOST' });
  });
});

describe('a state and the log that it comes from', () => {
  it('belong together: the state of another log is refused, and nothing is written', async () => {
    await begin(3);
    const logId = state.logId;
    expect(logId).toMatch(/^[0-9a-f]{32}$/);
    await stop();
    state.logId = 'f'.repeat(32);
    await expect(start()).rejects.toMatchObject({ code: 'RAFT_OTHER_LOG' });
    state.logId = logId;
    await world.until((await start()).waitForLeader());
    await propose('t4');
    expect(state.texts).toEqual(texts(1, 4));
  });

  it('belong together: a state beside a log that is new is refused', async () => {
    await begin(3);
    await stop();
    store = new MemoryStore();
    snapshots = new MapSnapshots();
    await expect(start()).rejects.toMatchObject({ code: 'RAFT_LOG_LOST' });
  });

  it('belong together: no snapshot is removed beside a state that has no log', async () => {
    await begin(3);
    await world.until(raft?.manualSnapshot() ?? Promise.reject(raft));
    await stop();
    store = new MemoryStore();
    const before = snapshots.list().length;
    await expect(start({}, 'discard')).rejects.toMatchObject({ code: 'RAFT_LOG_LOST' });
    expect(snapshots.list()).toHaveLength(before);
    Object.assign(state, { appliedIndex: 0, texts: [], logId: undefined });
    await world.until((await start({}, 'discard')).waitForLeader());
    await propose('t1');
    expect(state.texts).toEqual(['t1']);
  });

  it('are bound at the next start where the state machine did not keep the log before', async () => {
    await begin(3);
    const { logId } = state;
    await stop();
    state.logId = undefined;
    await start();
    expect(state.logId).toBe(logId);
  });

  it('that is no text is refused', async () => {
    state.logId = 5 as never;
    await expect(start()).rejects.toMatchObject({ code: 'RAFT_STATE_MACHINE_FAILED' });
  });
});
