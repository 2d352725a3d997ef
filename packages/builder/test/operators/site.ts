/**
 * Machines with simulated disks on one simulated network, and what operators do with them: they
 * start processes, put disks back, copy them, exchange and wipe them.
 */
import {
  bootstrapRaftCluster,
  joinRaftCluster,
  recoverAsStandalone,
  type BabuzaConfig,
  type BootstrapOptions,
  type PeersConfiguration,
  type Raft,
  type RaftComponent,
  type RaftEvent,
  type StandaloneOptions,
} from '@babuza/raft';
import { SeededRandom, SimulatedClock, SimulatedDisk, turnOfEventLoop } from '@babuza/testkit';
import { MemoryNetwork } from '@babuza/transport-memory';
import { ProcessClock } from '../cluster/machine-world.ts';
import { addressOf, buildComponent, configOf } from './component.ts';
import { ListMachine } from './list-machine.ts';

export type SiteNode = Raft<undefined, readonly string[]>;

/** The options of a start. */
export interface ProcessOptions {
  /** The disk that it runs on; default: the one with the name of its id. */
  readonly disk?: string;
  /** The first members; without them the node joins. */
  readonly peers?: PeersConfiguration;
  /** It is started as the only survivor. */
  readonly alone?: StandaloneOptions;
  readonly options?: BootstrapOptions;
  readonly config?: Partial<BabuzaConfig>;
  readonly address?: string;
  readonly clusterId?: number;
}

/** A process that runs, or has ended. */
export interface Process {
  readonly id: bigint;
  readonly raft: SiteNode;
  readonly machine: ListMachine;
  readonly disk: string;
  readonly events: RaftEvent[];
  /** The logged warnings and errors. */
  readonly warnings: string[];
}

export { addressOf };

export const peersOf = (...ids: bigint[]): PeersConfiguration =>
  ids.map((id) => ({ id, address: addressOf(id) }));

export class Site {
  readonly clock = new SimulatedClock();
  readonly network: MemoryNetwork;
  readonly #random: SeededRandom;
  readonly #disks = new Map<string, SimulatedDisk>();
  readonly #running = new Set<Process>();

  constructor(seed = 1) {
    this.#random = new SeededRandom(seed);
    this.network = new MemoryNetwork({ clock: this.clock, random: this.#random.fork() });
  }

  get running(): readonly Process[] {
    return [...this.#running];
  }

  disk(name: string): SimulatedDisk {
    const disk = this.#disks.get(name) ?? new SimulatedDisk({ seed: this.#random.uint32() });
    this.#disks.set(name, disk);
    return disk;
  }

  /** Rejects as the start of the node does. */
  async start(id: bigint, given: ProcessOptions = {}): Promise<Process> {
    const { disk = String(id), peers, alone, options = {}, clusterId = 1 } = given;
    const warnings: string[] = [];
    const component = await this.#component(id, disk, given, warnings);
    const machine = new ListMachine();
    const address = given.address ?? addressOf(id);
    const config = configOf({ id, clusterId, address }, given.config);
    const starting =
      alone !== undefined
        ? recoverAsStandalone(config, machine, component, alone)
        : peers === undefined
          ? joinRaftCluster(config, machine, component, options)
          : bootstrapRaftCluster(config, peers, machine, component, options);
    const raft = await this.until(starting);
    const events: RaftEvent[] = [];
    const process: Process = { id, raft, machine, disk, events, warnings };
    raft.subscribe((event) => {
      events.push(event);
      if (event.type === 'stopped') this.#running.delete(process);
    });
    this.#running.add(process);
    return process;
  }

  async startAll(ids: readonly bigint[], given: ProcessOptions = {}): Promise<Process[]> {
    return Promise.all(ids.map((id) => this.start(id, { peers: peersOf(...ids), ...given })));
  }

  async stop(...processes: readonly Process[]): Promise<void> {
    for (const { raft } of processes) await this.until(raft.shutdown());
  }

  /** All that run, and everything is given back. */
  async close(): Promise<void> {
    await this.stop(...this.#running);
  }

  /** The disk as it is, under another name. */
  copyDisk(from: string, to: string): void {
    const { surgery } = this.disk(from);
    const copy = new SimulatedDisk({ seed: this.#random.uint32() });
    for (const path of surgery.files()) putFile(copy, path, surgery.contents(path));
    this.#disks.set(to, copy);
  }

  /** Puts a disk in, for instance what a crash has left of another one. */
  putDisk(name: string, disk: SimulatedDisk): void {
    this.#disks.set(name, disk);
  }

  exchangeDisks(one: string, other: string): void {
    const [first, second] = [this.disk(one), this.disk(other)];
    this.#disks.set(one, second);
    this.#disks.set(other, first);
  }

  /** Puts a file on a disk, as a backup does that is unpacked. */
  putFile(name: string, path: string, bytes: Uint8Array): void {
    putFile(this.disk(name), path, bytes);
  }

  /** Removes all files below a folder, as when its volume is not mounted. */
  wipe(name: string, folder = '/'): void {
    const { surgery } = this.disk(name);
    for (const path of surgery.files()) if (path.startsWith(folder)) surgery.remove(path);
  }

  async until<T>(promise: Promise<T>): Promise<T> {
    const state = { isSettled: false };
    const ended = promise.finally(() => {
      state.isSettled = true;
    });
    ended.catch(() => undefined);
    for (let step = 0; step < 100_000; step += 1) {
      await turnOfEventLoop();
      if (state.isSettled) return ended;
      this.clock.fireNext();
    }
    throw new Error('it does not come to an end');
  }

  async pass(milliseconds: number): Promise<void> {
    await this.until(this.clock.sleep(milliseconds));
  }

  /** One of these that leads; waits for one, and fails after a simulated minute. */
  async leader(among: readonly Process[] = this.running): Promise<Process> {
    for (let step = 0; step < 600; step += 1) {
      const found = among.find(
        (process) => this.#running.has(process) && process.raft.status().role === 'leader',
      );
      if (found !== undefined) return found;
      await this.pass(100);
    }
    throw new Error('nobody leads');
  }

  async propose(process: Process, ...texts: readonly string[]): Promise<void> {
    for (const text of texts) await this.until(process.raft.propose(Buffer.from(text)));
  }

  /** A call that is given some time, and is ended by its signal behind it. */
  async attempt<T>(call: (signal: AbortSignal) => Promise<T>, withinMs = 5000): Promise<T> {
    const ending = new AbortController();
    const timer = this.clock.startTimer(withinMs, () => ending.abort(new Error('given up')));
    try {
      return await this.until(call(ending.signal));
    } finally {
      timer.cancel();
    }
  }

  async #component(
    id: bigint,
    disk: string,
    { address = addressOf(id), clusterId = 1 }: ProcessOptions,
    warnings: string[],
  ): Promise<RaftComponent> {
    const warn = (message: string): void => void warnings.push(message);
    const ignore = (): void => undefined;
    return buildComponent({
      id,
      clusterId,
      address,
      fileSystem: this.disk(disk),
      clock: new ProcessClock(this.clock, 0),
      random: this.#random.fork(),
      network: this.network,
      logger: { debug: ignore, info: ignore, warn, error: warn },
    });
  }
}

function putFile(disk: SimulatedDisk, path: string, bytes: Uint8Array): void {
  disk.surgery.makeDirectory(path.slice(0, path.lastIndexOf('/')));
  disk.surgery.put(path, bytes);
}
