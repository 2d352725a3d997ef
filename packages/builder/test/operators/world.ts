/**
 * Machines with simulated disks on one simulated network, driven by one loop. Everything that the
 * processes apply and report is taken down, and after each step the states are compared.
 */
import {
  bootstrapRaftCluster,
  joinRaftCluster,
  recoverAsStandalone,
  type Raft,
  type RaftEvent,
} from '@babuza/raft';
import { SeededRandom, SimulatedClock, SimulatedDisk, turnOfEventLoop } from '@babuza/testkit';
import { MemoryNetwork } from '@babuza/transport-memory';
import { addressOf, buildComponent, configOf, type ComponentParts } from './component.ts';
import { HistoryMachine } from './history-machine.ts';
import { PausableClock, pausableDisk, pausableTransport } from './pausing.ts';
import type { ProcessOptions } from './site.ts';
import { identityKey, StateLedger, type Difference } from './state-ledger.ts';

/** A process that runs, or has ended. */
export interface WorldProcess {
  readonly id: bigint;
  /** Names the process in lines of the run. */
  readonly label: string;
  readonly raft: Raft<undefined, number>;
  readonly machine: HistoryMachine;
  readonly disk: string;
  readonly address: string;
  readonly clock: PausableClock;
  readonly closeTransport: () => void;
}

/** Something that an operator can read. */
export interface Report {
  readonly atMs: number;
  readonly by: string;
  /** The member that it is about. */
  readonly about: bigint;
  readonly text: string;
}

export interface WorldOptions extends ProcessOptions {
  /** Default: the network of the world. */
  readonly network?: MemoryNetwork;
  readonly walKind?: ComponentParts['walKind'];
}

/** The process has crashed before it ran. */
export class CrashedError extends Error {
  readonly code = 'CRASHED';
}

export interface WorldHooks {
  readonly onDifference: (difference: Difference, process: WorldProcess) => void;
  readonly onStopped: (process: WorldProcess, cause: unknown) => void;
}

/** Lines of the run that a failure shows. */
const linesShown = 150;

export class World {
  readonly clock = new SimulatedClock();
  readonly network: MemoryNetwork;
  readonly random: SeededRandom;
  readonly reports: Report[] = [];
  readonly lines: string[] = [];
  readonly ledger = new StateLedger();
  readonly #disks = new Map<string, SimulatedDisk>();
  readonly #running = new Set<WorldProcess>();
  readonly #changed = new Set<WorldProcess>();
  readonly #hooks: WorldHooks;
  #starts = 0;
  #violation: Error | undefined;

  constructor(seed: number, hooks: WorldHooks) {
    this.random = new SeededRandom(seed);
    this.#hooks = hooks;
    this.network = this.newNetwork();
  }

  get running(): readonly WorldProcess[] {
    return [...this.#running];
  }

  isRunning(process: WorldProcess | undefined): process is WorldProcess {
    return process !== undefined && this.#running.has(process);
  }

  newNetwork(): MemoryNetwork {
    return new MemoryNetwork({ clock: this.clock, random: this.random.fork() });
  }

  disk(name: string): SimulatedDisk {
    const disk = this.#disks.get(name) ?? new SimulatedDisk({ seed: this.random.uint32() });
    this.#disks.set(name, disk);
    return disk;
  }

  setDisk(name: string, disk: SimulatedDisk): void {
    this.#disks.set(name, disk);
  }

  /** Rejects as the start of the node does. */
  async start(id: bigint, given: WorldOptions = {}): Promise<WorldProcess> {
    const { disk = String(id), address = addressOf(id), clusterId = 1, options = {} } = given;
    this.#starts += 1;
    const label = `${id} (start ${this.#starts}, disk ${disk}, at ${address})`;
    const clock = new PausableClock(this.clock);
    const state: { process?: WorldProcess } = {};
    const machine = new HistoryMachine(() => {
      if (state.process !== undefined) this.#changed.add(state.process);
    });
    const ignore = (): void => undefined;
    const warn = (message: string): void => this.log(`${label} warns: ${message.slice(0, 160)}`);
    const parts = {
      id,
      clusterId,
      address,
      fileSystem: pausableDisk(this.disk(disk), clock),
      clock,
      random: this.random.fork(),
      network: given.network ?? this.network,
      logger: { debug: ignore, info: ignore, warn, error: warn },
      walKind: given.walKind,
      transportType: pausableTransport(clock),
    };
    const component = await buildComponent(parts);
    const config = configOf(parts, { tickMs: 50, electionTicks: 6, ...given.config });
    const { alone, peers } = given;
    const closeTransport = (): void => void component.transport.close();
    const starting =
      alone !== undefined
        ? recoverAsStandalone(config, machine, component, alone)
        : peers === undefined
          ? joinRaftCluster(config, machine, component, options)
          : bootstrapRaftCluster(config, peers, machine, component, options);
    const current = this.disk(disk);
    const raft = await Promise.race([starting, current.whenStopped]);
    if (raft === undefined || current.stopped) {
      this.#leaveDisk(disk, this.random.chance(0.5) ? 'kill' : 'power');
      clock.die();
      closeTransport();
      this.log(`${label} crashed while it started`);
      throw new CrashedError();
    }
    const process = { id, label, raft, machine, disk, address, clock, closeTransport };
    state.process = process;
    raft.subscribe((event) => this.#heard(process, event));
    this.#running.add(process);
    this.#changed.add(process);
    void current.whenStopped.then(() =>
      this.crash(process, this.random.chance(0.5) ? 'kill' : 'power'),
    );
    this.log(`${label} runs`);
    return process;
  }

  async stop(process: WorldProcess): Promise<void> {
    if (!this.#running.delete(process)) return;
    await process.raft.shutdown();
    this.log(`${process.label} was stopped`);
  }

  /** The process is gone: `power` loses what was not synced. */
  crash(process: WorldProcess, how: 'kill' | 'power'): void {
    if (!this.#running.delete(process)) return;
    this.#leaveDisk(process.disk, how);
    process.clock.die();
    process.closeTransport();
    this.log(`${process.label} crashed (${how})`);
  }

  /** The process stands still: it hears nothing, says nothing, and does nothing. */
  pause(process: WorldProcess): void {
    process.clock.pause();
    this.#isolate();
    this.log(`${process.label} stands still`);
  }

  resume(process: WorldProcess): void {
    process.clock.resume();
    this.#isolate();
    this.log(`${process.label} goes on`);
  }

  #isolate(): void {
    this.network.heal();
    for (const { clock, address } of this.#running) {
      if (clock.isPaused) this.network.isolate(address);
    }
  }

  /** The process is gone at one of the next calls that change its disk, or some time later. */
  async crashSoon(process: WorldProcess): Promise<void> {
    const disk = this.disk(process.disk);
    disk.stopAtMutation(disk.mutationCount + 1 + this.random.below(12));
    const timer = this.clock.startTimer(200, () => disk.stop());
    await disk.whenStopped;
    timer.cancel();
  }

  #leaveDisk(name: string, how: 'kill' | 'power'): void {
    const disk = this.disk(name);
    const seed = this.random.uint32();
    this.#disks.set(name, how === 'kill' ? disk.kill(seed) : disk.crash(seed));
  }

  log(line: string): void {
    this.lines.push(`${this.clock.monotonicMs().toFixed(0)} ms: ${line}`);
  }

  report(by: string, about: bigint, text: string): void {
    this.reports.push({ atMs: this.clock.monotonicMs(), by, about, text });
    this.log(`${by} reports of ${about}: ${text.slice(0, 160)}`);
  }

  fail(problem: string, cause?: unknown): void {
    const why = cause instanceof Error ? `: ${String(cause.stack)}` : '';
    const atMs = this.clock.monotonicMs().toFixed(0);
    const text = `${atMs} ms: ${problem}${why}\n${this.lines.slice(-linesShown).join('\n')}`;
    this.#violation ??= new Error(text, { cause });
  }

  sleep(milliseconds: number): Promise<void> {
    return this.clock.sleep(milliseconds);
  }

  /** A signal that ends a call after some time. */
  patience(milliseconds: number): AbortSignal {
    const ending = new AbortController();
    this.clock.startTimer(milliseconds, () => ending.abort(new Error('no patience left')));
    return ending.signal;
  }

  /** Lets time pass until the promise settles; a violation ends everything. */
  async until<T>(promise: Promise<T>): Promise<T> {
    const state = { isSettled: false };
    const ended = promise.finally(() => {
      state.isSettled = true;
    });
    ended.catch(() => undefined);
    for (;;) {
      await turnOfEventLoop();
      this.#compareStates();
      if (this.#violation !== undefined) throw this.#violation;
      if (state.isSettled) return ended;
      if (!this.clock.fireNext()) this.fail('nothing is left to happen, and something still waits');
      if (this.clock.monotonicMs() > 600_000) this.fail('it does not come to an end');
    }
  }

  #heard(process: WorldProcess, event: RaftEvent): void {
    if (event.type === 'member-refused') this.report(process.label, event.id, event.message);
    if (event.type !== 'stopped' || !this.#running.delete(process)) return;
    this.report(process.label, process.id, `it has stopped: ${String(event.cause)}`);
    this.#hooks.onStopped(process, event.cause);
  }

  #compareStates(): void {
    for (const process of this.#changed) {
      if (!this.#running.has(process)) {
        this.#changed.delete(process);
        continue;
      }
      const identity = identityKey(process.raft.clusterInfo());
      if (identity === undefined) continue;
      this.#changed.delete(process);
      const difference = this.ledger.note(process, identity, process.machine.entries);
      if (difference !== undefined) this.#hooks.onDifference(difference, process);
    }
  }
}
