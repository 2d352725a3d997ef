/** A client with a session on a real node: across snapshots, restarts, time, and states on disk. */
import {
  bootstrapRaftCluster,
  defaultBabuzaConfig,
  type AppliedEntry,
  type BabuzaConfig,
  type DiskStateMachine,
  type Raft,
} from '@babuza/raft';
import type { SessionManager, Transport } from '@babuza/raft/ports';
import { DurableSnapshotManager } from '@babuza/snapshot';
import { SeededRandom, simulatedEnvironment, SimulatedDisk } from '@babuza/testkit';
import { MemoryStore, walBackend } from '@babuza/wal-memory';
import { afterEach, describe, expect, it } from 'vitest';
import {
  ExpireSessionManager,
  LruSessionManager,
  NoopSessionManager,
  type LruSessionOptions,
} from '../src/index.ts';
import { bytesOf } from './support.ts';

const minuteMs = 60_000;

/** A state machine that counts what it applies, on a disk that outlives the node. */
class CountingMachine implements DiskStateMachine<undefined, number> {
  readonly kind = 'disk';
  readonly #disk: { count: number; appliedIndex: number };

  constructor(disk: { count: number; appliedIndex: number }) {
    this.#disk = disk;
  }

  async open(): Promise<{ appliedIndex: number }> {
    return { appliedIndex: this.#disk.appliedIndex };
  }

  apply(entries: readonly AppliedEntry[]): Uint8Array[] {
    return entries.map(({ index }) => {
      this.#disk.count += 1;
      this.#disk.appliedIndex = index;
      return bytesOf(`${this.#disk.count}`);
    });
  }

  query(): number {
    return this.#disk.count;
  }

  prepareSnapshot(): number {
    return this.#disk.count;
  }

  async saveSnapshot(
    prepared: unknown,
    writer: { write(chunk: Uint8Array): Promise<void> },
  ): Promise<void> {
    await writer.write(bytesOf(String(prepared)));
  }

  async restoreSnapshot(reader: { read(): AsyncIterable<Uint8Array> }): Promise<void> {
    for await (const chunk of reader.read()) this.#disk.count = Number(Buffer.from(chunk));
  }

  close(): void {}
}

/** The cluster has no other member. */
const alone: Transport = {
  start: async () => undefined,
  setPeer: () => undefined,
  removePeer: () => undefined,
  send: () => undefined,
  sendSnapshot: () => Promise.reject(new Error('the cluster has no other member')),
  close: async () => undefined,
  [Symbol.asyncDispose]: async () => undefined,
};

/** A cluster of one on simulated disks and time. */
class World {
  readonly #environment = simulatedEnvironment(1, new SimulatedDisk({ seed: 1 }));
  readonly #store = new MemoryStore();
  readonly state = { count: 0, appliedIndex: 0 };
  #raft: Raft<undefined, number> | undefined;

  get raft(): Raft<undefined, number> {
    if (this.#raft === undefined) throw new Error('the node does not run');
    return this.#raft;
  }

  async start(sessionManager: SessionManager, changes: Partial<BabuzaConfig> = {}): Promise<void> {
    const { clock } = this.#environment;
    const component = {
      clusterId: 1n,
      walManager: await walBackend.open('/wal', { store: this.#store }),
      snapshotManager: new DurableSnapshotManager('/snap', {}, this.#environment),
      sessionManager,
      transport: alone,
      clock,
      random: new SeededRandom(1),
    };
    const config = { ...defaultBabuzaConfig(1, 1, 'a'), ...changes };
    const peers = [{ id: 1n, address: 'a' }];
    const machine = new CountingMachine(this.state);
    this.#raft = await this.until(bootstrapRaftCluster(config, peers, machine, component));
    await this.until(this.raft.waitForLeader());
  }

  async restart(sessionManager: SessionManager): Promise<void> {
    await this.stop();
    await this.start(sessionManager);
  }

  async stop(): Promise<void> {
    const raft = this.#raft;
    this.#raft = undefined;
    if (raft !== undefined) await this.until(raft.shutdown());
  }

  async pass(milliseconds: number): Promise<void> {
    await this.until(this.#environment.clock.sleep(milliseconds));
  }

  /** The outcome of a proposal for its client: the answer, `lost`, or the code of the error. */
  async propose(sessionId: number, sequence: number, lowestUnanswered = 1): Promise<string> {
    const session = { sessionId, sequence, lowestUnanswered };
    try {
      const answer = await this.until(this.raft.propose(bytesOf('add'), { session }));
      return answer.resultLost ? 'lost' : Buffer.from(answer.result ?? []).toString();
    } catch (error) {
      return error instanceof Error && 'code' in error ? String(error.code) : String(error);
    }
  }

  /** Lets time pass until the promise settles. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const settle = (): void => {
      settled = true;
    };
    promise.then(settle, settle);
    for (let step = 0; step < 100_000; step += 1) {
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
      if (settled) return promise;
      this.#environment.clock.fireNext();
    }
    throw new Error('the promise does not settle');
  }
}

let world: World;

afterEach(() => world.stop());

describe.each([
  ['lru', (options?: LruSessionOptions) => new LruSessionManager(options)],
  ['expire', (options?: LruSessionOptions) => new ExpireSessionManager(options)],
] as const)('a client of a node with %s', (_, create) => {
  it('gets its answer again after a snapshot and a restart, and nothing applies twice', async () => {
    world = new World();
    await world.start(create());
    const id = await world.until(world.raft.registerSession());
    expect(await world.propose(id, 1)).toBe('1');
    expect(await world.propose(id, 2)).toBe('2');
    await world.until(world.raft.manualSnapshot());
    await world.restart(create());
    expect(world.raft.status().sessions.open).toBe(1);
    expect(await world.propose(id, 1)).toBe('1');
    expect(await world.propose(id, 2, 2)).toBe('2');
    expect(await world.propose(id, 1)).toBe('RAFT_SEQUENCE_STALE');
    expect(world.state.count).toBe(2);
    await world.until(world.raft.unregisterSession(id));
    expect(await world.propose(id, 3)).toBe('RAFT_SESSION_EXPIRED');
    expect(world.state.count).toBe(2);
  });

  it('learns that its proposal was applied when the state on disk was ahead of the log', async () => {
    world = new World();
    await world.start(create());
    const id = await world.until(world.raft.registerSession());
    expect(await world.propose(id, 1)).toBe('1');
    // Without a snapshot the log is replayed, and the state machine has applied it already.
    await world.restart(create());
    expect(await world.propose(id, 1)).toBe('lost');
    expect(await world.propose(id, 2)).toBe('2');
    expect(world.state.count).toBe(2);
  });

  it('may have many proposals in flight, each sent twice', async () => {
    world = new World();
    await world.start(create());
    const id = await world.until(world.raft.registerSession());
    const sequences = Array.from({ length: 64 }, (_item, at) => at + 1);
    const answers = await Promise.all(
      sequences.flatMap((sequence) => [world.propose(id, sequence), world.propose(id, sequence)]),
    );
    expect(answers).toEqual(sequences.flatMap((sequence) => [`${sequence}`, `${sequence}`]));
    expect(world.state.count).toBe(64);
  });

  it('has to wait while it acknowledges no result, and goes on when it does', async () => {
    world = new World();
    await world.start(create({ resultsPerSessionMax: 2 }));
    const id = await world.until(world.raft.registerSession());
    expect(await world.propose(id, 1)).toBe('1');
    expect(await world.propose(id, 2)).toBe('2');
    expect(await world.propose(id, 3)).toBe('RAFT_BUSY');
    expect(world.state.count).toBe(2);
    expect(await world.propose(id, 3, 3)).toBe('3');
    expect(world.state.count).toBe(3);
  });

  it('cannot use a node with other limits, which does not start', async () => {
    world = new World();
    await world.start(create());
    await world.until(world.raft.registerSession());
    await world.until(world.raft.manualSnapshot());
    await expect(world.restart(new LruSessionManager({ sessionsMax: 7 }))).rejects.toMatchObject({
      code: 'SESSION_MISMATCH',
    });
    await world.start(create());
    expect(world.raft.status().sessions.open).toBe(1);
  });
});

describe('a client of a node', () => {
  it('loses its session after half an hour without a proposal, and not before', async () => {
    world = new World();
    await world.start(new ExpireSessionManager(), { tickMs: minuteMs });
    const id = await world.until(world.raft.registerSession());
    await world.pass(29 * minuteMs);
    expect(await world.propose(id, 1)).toBe('1');
    await world.pass(29 * minuteMs);
    expect(await world.propose(id, 2)).toBe('2');
    await world.pass(31 * minuteMs);
    expect(await world.propose(id, 3)).toBe('RAFT_SESSION_EXPIRED');
    expect(world.state.count).toBe(2);
  });

  it('without sessions applies what it sends again', async () => {
    world = new World();
    await world.start(new NoopSessionManager());
    const id = await world.until(world.raft.registerSession());
    expect(await world.propose(id, 1)).toBe('1');
    expect(await world.propose(id, 1)).toBe('2');
    await world.until(world.raft.manualSnapshot());
    await world.restart(new NoopSessionManager());
    expect(await world.propose(id, 1)).toBe('3');
  });
});
