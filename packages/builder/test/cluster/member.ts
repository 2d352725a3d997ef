/**
 * One node of the simulated cluster, over all its lives: the real node with the native log, durable snapshots and sessions,
 * on a disk that survives its crashes.
 */
import {
  bootstrapRaftCluster,
  defaultBabuzaConfig,
  joinRaftCluster,
  type BabuzaConfig,
  type PeersConfiguration,
  type Raft,
} from '@babuza/raft';
import { SimulatedDisk, type SeededRandom, type SimulatedClock } from '@babuza/testkit';
import { transportBackend, type MemoryNetwork } from '@babuza/transport-memory';
import type { EntryStorage, WalManager } from '@babuza/wal-core';
import { walBackend } from '@babuza/wal-native';
import { DurableSnapshotManager } from '@babuza/snapshot';
import { BabuzaComponentBuilder } from '../../src/index.ts';
import {
  keyValueMachine,
  type AppliedLedger,
  type KeyValueMachine,
  type MachineDisk,
} from './key-value-machine.ts';
import { ProcessClock, slowSyncs } from './machine-world.ts';
import type { ClusterOptions } from './options.ts';

export interface ClusterParts {
  readonly options: ClusterOptions;
  readonly clock: SimulatedClock;
  readonly random: SeededRandom;
  readonly network: MemoryNetwork;
  readonly ledger: AppliedLedger;
  /** The first members; a node that is not one of them joins. */
  readonly peers: PeersConfiguration;
  readonly fail: (problem: string, cause?: unknown) => void;
  readonly log: (line: string) => void;
}

export const addressOf = (id: bigint): string => `node-${id}`;
const tickMs = 20;

/** What of a life is there while it runs. */
interface Life {
  readonly clock: ProcessClock;
  readonly machine: KeyValueMachine;
  readonly raft: Raft<string, string | undefined>;
  readonly storage: EntryStorage;
}

export class Member {
  readonly id: bigint;
  readonly #parts: ClusterParts;
  readonly #machineDisk: MachineDisk = { appliedIndex: 0, content: '[]' };
  #disk: SimulatedDisk;
  #clock: ProcessClock;
  #closeTransport: () => void = () => undefined;
  #life: Life | undefined;
  #lives = 0;
  /** Snapshots of others that it took over. */
  installed = 0;
  /** It left the cluster and never comes back. */
  isGone = false;
  /** It crashes, or comes back. */
  isInTrouble = false;

  constructor(id: bigint, parts: ClusterParts) {
    this.id = id;
    this.#parts = parts;
    this.#disk = new SimulatedDisk({ seed: parts.random.uint32() });
    this.#clock = this.#newClock();
  }

  /** While it runs. */
  get life(): Life | undefined {
    return this.#life;
  }

  get hasStarted(): boolean {
    return this.#lives > 0;
  }

  get isDown(): boolean {
    return this.#disk.stopped;
  }

  /** Starts it on what its disk holds. It resolves when the node runs, or when it crashed on the way. */
  async start(): Promise<void> {
    this.#lives += 1;
    const disk = this.#disk;
    const life = await Promise.race([this.#begin(disk), disk.whenStopped]).catch(
      (error: unknown) => {
        if (!disk.stopped) this.#parts.fail(`node ${this.id} does not start`, error);
      },
    );
    if (life === undefined || disk !== this.#disk || disk.stopped) return;
    this.#life = life;
    this.#parts.log(`node ${this.id} runs, life ${this.#lives}`);
  }

  /** The process is gone at the next call of its disk that changes something, or one of those behind it. */
  crashSoon(calls: number, withinMs: number): Promise<void> {
    const disk = this.#disk;
    disk.stopAtMutation(disk.mutationCount + 1 + calls);
    this.#clock.startTimer(withinMs, () => disk.stop());
    return disk.whenStopped.then(() => this.#die());
  }

  /** What the crash left is its disk from now on: what was not synced may be lost (`power`), or not. */
  revive(how: 'power' | 'kill'): void {
    const seed = this.#parts.random.uint32();
    this.#disk = how === 'power' ? this.#disk.crash(seed) : this.#disk.kill(seed);
    this.#disk.capacityBytes = Infinity;
    if (this.#parts.random.chance(0.2)) this.#damageNewestSnapshot();
    this.#clock = this.#newClock();
  }

  fill(): void {
    this.#disk.capacityBytes = 0;
  }

  makeSpace(): void {
    this.#disk.capacityBytes = Infinity;
  }

  /** An orderly end; nothing may be left open. */
  async shutdown(transferLeadership: boolean): Promise<void> {
    const life = this.#life;
    if (life === undefined) return;
    this.#life = undefined;
    const disk = this.#disk;
    await Promise.race([life.raft.shutdown({ transferLeadership }), disk.whenStopped]);
    if (disk.stopped) return;
    if (disk.openPaths.length > 0) {
      this.#parts.fail(`node ${this.id} left files open: ${disk.openPaths.join(', ')}`);
    }
    this.#clock = this.#newClock();
  }

  async #begin(disk: SimulatedDisk): Promise<Life> {
    const { options, random, network, ledger, peers } = this.#parts;
    const clock = this.#clock;
    const fileSystem = slowSyncs(disk, clock, random, options.syncs);
    const environment = { fileSystem, clock, random: random.fork() };
    let storage: EntryStorage | undefined;
    const component = await new BabuzaComponentBuilder({
      clusterId: 1,
      nodeId: this.id,
      storageRootDir: '/data',
      walType: {
        ...walBackend,
        open: async (directory: string) =>
          watching(
            await walBackend.open(directory, {
              environment,
              segmentBytes: options.segmentBytes,
              cache: { entriesMax: options.cacheEntriesMax, bytesMax: 64 * 1024 },
            }),
            (opened) => {
              storage = opened;
            },
          ),
      },
      snapshotType: new DurableSnapshotManager('/data/snap', {}, environment),
      sessionType: options.sessionType,
      // As objects, not by name: loading a package would take real time.
      transportType: transportBackend,
      transportOptions: { network, address: addressOf(this.id) },
      clock,
      random: environment.random,
    }).build();
    this.#closeTransport = () => void component.transport.close();
    const machine = keyValueMachine(options.machineKind, ledger, this.#machineDisk, () =>
      random.chance(0.3),
    );
    const isPeer = peers.some(({ id }) => id === this.id);
    const raft = isPeer
      ? await bootstrapRaftCluster(this.#config(), peers, machine, component)
      : await joinRaftCluster(this.#config(), machine, component);
    raft.subscribe((event) => {
      if (event.type === 'snapshot-installed') this.installed += 1;
      if (event.type !== 'stopped' || disk.stopped || event.cause === undefined) return;
      this.#parts.fail(`node ${this.id} has stopped`, event.cause);
    });
    if (storage === undefined) throw new Error('the log was not opened');
    return { clock, machine, raft, storage };
  }

  #newClock(): ProcessClock {
    return new ProcessClock(this.#parts.clock, this.#parts.random.below(20_000) - 10_000);
  }

  /**
   * Where there is one before it: then the node must do without. Not after one was installed, because the log begins
   * behind that one, and nothing can replace it.
   */
  #damageNewestSnapshot(): void {
    if (this.installed > 0) return;
    const { surgery } = this.#disk;
    // The last file that is written of a snapshot: with it the folder is whole.
    const whole = surgery.files().filter((path) => /\/snap\/.*[0-9a-f]\/snapshot$/.test(path));
    const newest = whole
      .sort()
      .at(-1)
      ?.replace(/snapshot$/, 'file-0002');
    if (newest === undefined || whole.length < 2 || !surgery.files().includes(newest)) return;
    surgery.flipBit(newest, this.#parts.random.below(surgery.contents(newest).length * 8));
    this.#parts.log(`a bit of ${newest} of node ${this.id} is flipped`);
  }

  #config(): BabuzaConfig {
    const { snapshotEntries, compactionMargin, forwardProposals } = this.#parts.options;
    return {
      ...defaultBabuzaConfig(1, this.id, addressOf(this.id)),
      tickMs,
      snapshotEntries,
      compactionMargin,
      forwardProposals,
      readTimeoutMs: 600,
      readRetryMs: 100,
      forwardTimeoutMs: 600,
    };
  }

  #die(): void {
    this.#parts.log(`node ${this.id} is dead`);
    this.#life = undefined;
    this.#clock.die();
    this.#closeTransport();
  }
}

/** Shows the storage of the log that is opened. */
function watching(manager: WalManager, show: (storage: EntryStorage) => void): WalManager {
  return new Proxy(manager, {
    get: (of, name) => {
      const value: unknown = Reflect.get(of, name, of);
      if (typeof value !== 'function') return value;
      if (name !== 'createWal' && name !== 'replayWal') return value.bind(of);
      return async (...given: unknown[]): Promise<unknown> => {
        const opened: { storage: EntryStorage } = await Reflect.apply(value, of, given);
        show(opened.storage);
        return opened;
      };
    },
  });
}
