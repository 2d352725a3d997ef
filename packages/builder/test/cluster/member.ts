/**
 * One node of the simulated cluster over all its incarnations: the real node with the native log,
 * durable snapshots and sessions, on a disk that survives its crashes.
 */
import type { Logger, PeersConfiguration, RaftEvent } from '@babuza/raft';
import type { MessageType, SnapshotMetadata } from '@babuza/raftpb';
import { SimulatedDisk, type SeededRandom, type SimulatedClock } from '@babuza/testkit';
import type { MemoryNetwork } from '@babuza/transport-memory';
import type { AppliedLedger } from './ledger.ts';
import { beginIncarnation, type Incarnation } from './incarnation.ts';
import type { Coincidences } from './coincidences.ts';
import { Gate } from './gate.ts';
import type { MachineCall, MachineDisk } from './key-value-machine.ts';
import { ProcessClock } from './machine-world.ts';
import type { ClusterOptions } from './options.ts';
import { Promises } from './promises.ts';
import { PlannedFailure, SlowParts } from './slow-parts.ts';

export interface ClusterParts {
  readonly options: ClusterOptions;
  readonly clock: SimulatedClock;
  readonly random: SeededRandom;
  readonly network: MemoryNetwork;
  readonly ledger: AppliedLedger;
  /** The first members; a node that is not among them joins. */
  readonly peers: PeersConfiguration;
  /** The leader of each term. */
  readonly leaders: Map<number, string>;
  readonly coincidences: Coincidences;
  readonly fail: (problem: string, cause?: unknown) => void;
  readonly log: (line: string) => void;
}

export class Member {
  readonly id: bigint;
  readonly #parts: ClusterParts;
  readonly #machineDisk: MachineDisk = { appliedIndex: 0, digest: 0, content: '[]' };
  readonly #promises = new Promises();
  readonly #hang = new Gate();
  readonly slow: SlowParts;
  #disk: SimulatedDisk;
  #clock: ProcessClock;
  #closeTransport: () => void = () => undefined;
  #incarnation: Incarnation | undefined;
  #incarnations = 0;
  #fatalMessage: MessageType | undefined;
  #stoppedByMachine: () => void = () => undefined;
  /** The newest snapshot that its current process has made or installed. */
  newestSnapshot: SnapshotMetadata | undefined;
  /** Its own snapshots whose files were damaged. */
  #damages = 0;
  /** Its log may begin behind a snapshot of another member. */
  #mayNeedNewest = false;
  /** The number of snapshots of other members that it installed. */
  installed = 0;
  /** It left the cluster and never comes back. */
  isGone = false;
  /** It is crashing or starting. */
  isInTrouble = false;

  constructor(id: bigint, parts: ClusterParts) {
    this.id = id;
    this.#parts = parts;
    this.slow = new SlowParts(parts.options.parts, parts.random.fork());
    this.#disk = new SimulatedDisk({ seed: parts.random.uint32() });
    this.#clock = this.#newClock();
  }

  /** The current incarnation while the node runs. */
  get incarnation(): Incarnation | undefined {
    return this.#incarnation;
  }

  get hasStarted(): boolean {
    return this.#incarnations > 0;
  }

  get isDown(): boolean {
    return this.#disk.stopped;
  }

  /**
   * Starts the node on its disk. Resolves when the node runs, or when it crashed during the start.
   */
  async start(): Promise<void> {
    this.#incarnations += 1;
    this.newestSnapshot = undefined;
    const disk = this.#disk;
    const incarnation = await Promise.race([this.#begin(disk), disk.whenStopped]).catch(
      (error: unknown) => {
        if (!disk.stopped) this.#parts.fail(`node ${this.id} does not start`, error);
      },
    );
    if (incarnation === undefined || disk !== this.#disk || disk.stopped) return;
    this.#incarnation = incarnation;
    this.#parts.log(`node ${this.id} runs, incarnation ${this.#incarnations}`);
  }

  /** Crashes the process at one of the next calls that change its disk. */
  crashSoon(calls: number, withinMs: number): Promise<void> {
    this.#disk.stopAtMutation(this.#disk.mutationCount + 1 + calls);
    return this.#crashWithin(withinMs);
  }

  /** Crashes the process at one of the next calls for a snapshot. */
  crashAtSnapshot(calls: number, withinMs: number): Promise<void> {
    let left = calls;
    this.#disk.stopWhen(({ path }) => path.startsWith('/data/snap/') && (left -= 1) < 0);
    return this.#crashWithin(withinMs);
  }

  /** Crashes the process when it sends a message of this kind; the message is still delivered. */
  crashAtMessage(type: MessageType, withinMs: number): Promise<void> {
    this.#fatalMessage = type;
    return this.#crashWithin(withinMs);
  }

  /**
   * Makes the next call of this kind to the state machine fail, which stops the node. Resolves when
   * the node has ended, to whether the call came in time.
   */
  failMachine(call: MachineCall, withinMs: number): Promise<boolean> {
    this.slow.failingCall = call;
    return new Promise((resolve) => {
      const timer = this.#parts.clock.startTimer(withinMs, () => {
        // The state machine has failed, and the node is about to end.
        if (this.slow.failingCall !== call) return;
        this.#stoppedByMachine = () => undefined;
        this.slow.failingCall = undefined;
        resolve(false);
      });
      this.#stoppedByMachine = () => {
        timer.cancel();
        this.#clock = this.#newClock();
        this.#parts.coincidences.machineFailures += 1;
        this.#parts.log(`the state machine of node ${this.id} has failed at ${call}`);
        resolve(true);
      };
    });
  }

  /** Replaces the disk by its state after the crash: with `power`, unsynced data may be lost. */
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

  /** Makes syncs hang until the disk is released. */
  hangDisk(): void {
    this.#hang.close();
  }

  releaseDisk(): void {
    this.#hang.open();
  }

  get hasHungDisk(): boolean {
    return this.#hang.isClosed;
  }

  /** Shuts the node down; nothing may be left open. */
  async shutdown(transferLeadership: boolean): Promise<void> {
    const incarnation = this.#incarnation;
    if (incarnation === undefined) return;
    this.#incarnation = undefined;
    const disk = this.#disk;
    await Promise.race([incarnation.raft.shutdown({ transferLeadership }), disk.whenStopped]);
    if (disk.stopped) return;
    if (disk.openPaths.length > 0) {
      this.#parts.fail(`node ${this.id} left files open: ${disk.openPaths.join(', ')}`);
    }
    this.#clock = this.#newClock();
  }

  async #begin(disk: SimulatedDisk): Promise<Incarnation> {
    const { options, random, network, ledger, peers, fail } = this.#parts;
    const named = `${this.id} in incarnation ${this.#incarnations}`;
    const incarnation = await beginIncarnation(
      {
        id: this.id,
        options,
        clock: this.#clock,
        disk,
        hang: this.#hang,
        slow: this.slow,
        coincidences: this.#parts.coincidences,
        machineDisk: this.#machineDisk,
        random,
        network,
        ledger,
        promises: this.#promises,
        peers,
        onMessage: ({ type }) => {
          if (type === this.#fatalMessage) disk.stop();
        },
        onInstalling: () => {
          this.#mayNeedNewest = true;
        },
        // The node is stopping and answers nothing any more.
        onFailedCall: (call) => {
          if (call === 'apply' || call === 'restore') this.#incarnation = undefined;
        },
        logger: this.#logger(disk),
        fail,
      },
      (closeTransport) => {
        this.#closeTransport = closeTransport;
      },
    );
    incarnation.raft.subscribe((event) => {
      if (!disk.stopped) this.#heard(event, incarnation, named);
    });
    return incarnation;
  }

  #heard(event: RaftEvent, { raft }: Incarnation, named: string): void {
    const { leaders, fail } = this.#parts;
    if (event.type === 'snapshot-installed') this.installed += 1;
    // The event is sent while the entry behind the last applied one is being applied.
    if (event.type === 'membership') this.#promises.changes(raft.status().appliedIndex + 1);
    if (event.type === 'leadership-acquired') {
      const other = leaders.get(event.term) ?? named;
      leaders.set(event.term, named);
      if (other !== named) fail(`two leaders in term ${event.term}: ${other}, and ${named}`);
    }
    if (event.type === 'snapshot-taken' || event.type === 'snapshot-installed') {
      this.newestSnapshot = event.metadata;
    }
    if (event.type === 'stopped' && event.cause !== undefined) {
      if (isPlanned(event.cause)) this.#stoppedByMachine();
      else fail(`node ${this.id} has stopped`, event.cause);
    }
  }

  /** Checks that no undamaged snapshot is missing and that everything closes. */
  #logger(disk: SimulatedDisk): Logger {
    const warn = (message: string, fields: object = {}): void => {
      const isMissing = message.startsWith('a snapshot is missing') && this.#damages === 0;
      // A node that ends on a full disk cannot record its last index.
      const isUnclean = message.includes('did not close cleanly') && disk.capacityBytes > 0;
      if (disk.stopped || !(isMissing || isUnclean)) return;
      this.#parts.fail(`node ${this.id} warns: ${message} ${JSON.stringify(fields)}`);
    };
    const ignore = (): void => undefined;
    return { debug: ignore, info: ignore, warn, error: warn };
  }

  #newClock(): ProcessClock {
    return new ProcessClock(this.#parts.clock, this.#parts.random.below(20_000) - 10_000);
  }

  /**
   * Damages the newest snapshot if there is an older one for the node to use. Not after one was
   * installed: the log then begins behind that snapshot, and nothing can replace it.
   */
  #damageNewestSnapshot(): void {
    if (this.#mayNeedNewest) return;
    const { surgery } = this.#disk;
    // The last file of a snapshot to be written: with it the directory is complete.
    const whole = surgery.files().filter((path) => /\/snap\/.*[0-9a-f]\/snapshot$/.test(path));
    const newest = whole
      .sort()
      .at(-1)
      ?.replace(/snapshot$/, 'file-0002');
    if (newest === undefined || whole.length < 2 || !surgery.files().includes(newest)) return;
    surgery.flipBit(newest, this.#parts.random.below(surgery.contents(newest).length * 8));
    this.#damages += 1;
    this.#parts.log(`a bit of ${newest} of node ${this.id} is flipped`);
  }

  #crashWithin(withinMs: number): Promise<void> {
    const disk = this.#disk;
    this.#clock.startTimer(withinMs, () => disk.stop());
    return disk.whenStopped.then(() => this.#die());
  }

  #die(): void {
    this.#parts.log(`node ${this.id} is dead`);
    this.#incarnation = undefined;
    this.#fatalMessage = undefined;
    this.#clock.die();
    this.#closeTransport();
  }
}

/** Whether the state machine failed because the nemesis demanded it. */
function isPlanned(error: unknown): boolean {
  if (error instanceof PlannedFailure) return true;
  return error instanceof Error && error.cause !== undefined && isPlanned(error.cause);
}
