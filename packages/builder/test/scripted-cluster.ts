/**
 * A simulated cluster that a test controls step by step, with clients whose history is checked at
 * the end.
 */
import type { Raft } from '@babuza/raft';
import {
  checkKeyValueHistory,
  SeededRandom,
  SimulatedClock,
  turnOfEventLoop,
  type KeyValueOperation,
} from '@babuza/testkit';
import { MemoryNetwork } from '@babuza/transport-memory';
import { expect } from 'vitest';
import { Client } from './cluster/client.ts';
import { noCoincidences } from './cluster/coincidences.ts';
import { AppliedLedger } from './cluster/ledger.ts';
import { addressOf } from './cluster/incarnation.ts';
import { Member } from './cluster/member.ts';
import type { ClusterOptions } from './cluster/options.ts';

export const quietOptions: ClusterOptions = {
  memberCount: 3,
  spareCount: 0,
  clientCount: 3,
  keyCount: 2,
  machineKind: 'memory',
  sessionType: 'lru',
  sessionOptions: undefined,
  forwardProposals: false,
  flushShare: 0.3,
  parts: { slowCallShare: 0, slowMsMax: 0, chunkMsMax: 0 },
  snapshotEntries: 1000,
  snapshotsKept: 3,
  compactionMargin: 10,
  segmentBytes: 64 * 1024,
  cacheEntriesMax: 16,
  fillerMax: 50,
  syncs: { syncMsMax: 2, stallShare: 0, stallMs: 0 },
  hostileMs: 0,
  crashEveryMs: Infinity,
  partitionEveryMs: Infinity,
  faultsEveryMs: Infinity,
  changeEveryMs: Infinity,
  fullDiskEveryMs: Infinity,
  hungDiskEveryMs: Infinity,
  partFaultEveryMs: Infinity,
  behindEveryMs: Infinity,
};

export class ScriptedCluster {
  readonly clock = new SimulatedClock();
  readonly network: MemoryNetwork;
  readonly members: readonly Member[];
  readonly #clients: readonly Client[];
  #loads: Promise<void>[] = [];
  #isOver = false;
  #failure: Error | undefined;

  constructor(changes: Partial<ClusterOptions> = {}, seed = 1) {
    const options = { ...quietOptions, ...changes };
    const random = new SeededRandom(seed);
    const { clock } = this;
    this.network = new MemoryNetwork({ clock, random: random.fork() });
    const { network } = this;
    const ledger = new AppliedLedger();
    const leaders = new Map<number, string>();
    const fail = (problem: string, cause?: unknown): void => {
      this.#failure ??= new Error(problem, { cause });
    };
    const ids = Array.from({ length: options.memberCount + options.spareCount }, (_, at) =>
      BigInt(at + 1),
    );
    const peers = ids.slice(0, options.memberCount).map((id) => ({ id, address: addressOf(id) }));
    const log = (): void => undefined;
    this.members = ids.map(
      (id) =>
        new Member(id, {
          options,
          clock,
          network,
          ledger,
          peers,
          leaders,
          coincidences: noCoincidences(),
          fail,
          log,
          random: random.fork(),
        }),
    );
    let place = 0;
    const nextPlace = (): number => (place += 1);
    const nodes = () => this.members.flatMap(({ incarnation }) => incarnation?.raft ?? []);
    this.#clients = Array.from(
      { length: options.clientCount },
      (_, number) =>
        new Client(number, {
          options,
          clock,
          random: random.fork(),
          ledger,
          nodes,
          nextPlace,
          coincidences: noCoincidences(),
          fail,
        }),
    );
  }

  /** Starts all members, waits for a leader and starts the clients. */
  async start(): Promise<void> {
    await this.until(Promise.all(this.members.map((member) => member.start())));
    await this.leader();
    this.#loads = this.#clients.map((client) => client.runUntil(() => this.#isOver));
  }

  async until<T>(promise: Promise<T>): Promise<T> {
    const state = { settled: false };
    const ended = promise.finally(() => {
      state.settled = true;
    });
    ended.catch(() => undefined);
    for (let step = 0; step < 200_000; step += 1) {
      await turnOfEventLoop();
      if (this.#failure !== undefined) throw this.#failure;
      if (state.settled) return ended;
      this.clock.fireNext();
    }
    throw new Error('it does not come to an end');
  }

  pass(milliseconds: number): Promise<void> {
    return this.until(this.clock.sleep(milliseconds));
  }

  node(id: bigint): Raft<string, string | undefined> {
    const { raft } = this.members.find((member) => member.id === id)?.incarnation ?? {};
    if (raft === undefined) throw new Error(`node ${id} does not run`);
    return raft;
  }

  /** Waits for a leader among these members and returns it. */
  async leader(among = this.members.map(({ id }) => id)): Promise<Member> {
    for (let attempt = 0; attempt < 500; attempt += 1) {
      const leading = this.members.find(
        ({ id, incarnation }) => among.includes(id) && incarnation?.raft.status().role === 'leader',
      );
      if (leading !== undefined) return leading;
      await this.pass(20);
    }
    throw new Error('nobody leads');
  }

  others(member: Member): Member[] {
    return this.members.filter((other) => other !== member);
  }

  get acknowledged(): number {
    return this.#operations().filter(({ returned }) => returned !== undefined).length;
  }

  /** Stops the clients and waits until all replicas are equal; the history must be linearizable. */
  async expectSettled(): Promise<void> {
    this.#isOver = true;
    await this.until(Promise.all(this.#loads));
    const contents = (): string[] =>
      this.members.flatMap(({ incarnation }) =>
        incarnation === undefined
          ? []
          : `${incarnation.raft.status().appliedIndex} ${incarnation.machine.content()}`,
      );
    for (let attempt = 0; attempt < 200 && new Set(contents()).size > 1; attempt += 1) {
      await this.pass(50);
    }
    expect(new Set(contents()).size).toBe(1);
    expect(checkKeyValueHistory(this.#operations(), 1_000_000)).toMatchObject({
      verdict: 'linearizable',
    });
    for (const member of this.members) await this.until(member.shutdown(false));
  }

  #operations(): KeyValueOperation[] {
    return this.#clients.flatMap(({ operations }) => operations);
  }
}
