/**
 * The current delays and failures of the state machine, snapshots and sender of one member. The
 * nemesis sets them; they outlive the processes of the member.
 */
import { SnapshotError } from '@babuza/snapshot';
import type { SeededRandom } from '@babuza/testkit';
import { Gate } from './gate.ts';
import type { MachineCall } from './key-value-machine.ts';
import type { ProcessClock } from './machine-world.ts';

/** Calls of a state machine whose failure the node survives: it only makes no snapshot. */
export const survivableCalls = ['prepare', 'save'] as const;
/** Calls of a state machine whose failure stops the node. */
export const fatalCalls = ['apply', 'restore'] as const;

/** The duration of each call of the state machine and each chunk of the sender. */
export interface PartTimes {
  /** The share of calls of the state machine that take up to `slowMsMax`. */
  readonly slowCallShare: number;
  readonly slowMsMax: number;
  /** The longest delay of a chunk of a snapshot that is sent, in ms. */
  readonly chunkMsMax: number;
}

export class SlowParts {
  readonly gates: Readonly<Record<MachineCall | 'send', Gate>> = {
    apply: new Gate(),
    restore: new Gate(),
    prepare: new Gate(),
    save: new Gate(),
    send: new Gate(),
  };
  /** The kind of call that fails next. */
  failingCall: MachineCall | undefined;
  /** While true, making, receiving and sending snapshots fail at random because of a shortage. */
  isShort = false;
  readonly #times: PartTimes;
  readonly #random: SeededRandom;

  constructor(times: PartTimes, random: SeededRandom) {
    this.#times = times;
    this.#random = random;
  }

  /** Delays a call of the state machine. In a crashed process it never resolves. */
  work(call: MachineCall, clock: ProcessClock): Promise<void> | undefined {
    const { slowCallShare, slowMsMax } = this.#times;
    const slowMs = this.#random.chance(slowCallShare) ? this.#random.below(slowMsMax) : 0;
    if (slowMs === 0 && !this.gates[call].isClosed && this.failingCall !== call) return undefined;
    return this.#work(call, clock, slowMs);
  }

  async #work(call: MachineCall, clock: ProcessClock, slowMs: number): Promise<void> {
    await this.gates[call].whenOpen();
    await clock.sleepForTest(slowMs);
    if (this.failingCall !== call) return;
    this.failingCall = undefined;
    throw new PlannedFailure(`the state machine fails at a call of ${call}`);
  }

  /** Delays a chunk of a snapshot. */
  async beforeChunk(clock: ProcessClock): Promise<void> {
    const { chunkMsMax } = this.#times;
    await this.gates.send.whenOpen();
    await clock.sleepForTest(chunkMsMax === 0 ? 0 : this.#random.below(chunkMsMax));
    if (this.isShort && this.#random.chance(0.5)) throw new PlannedFailure('a stream breaks');
  }

  /** Whether this step of a snapshot meets a shortage. */
  meetsShortage(): boolean {
    return this.isShort && this.#random.chance(0.4);
  }

  heal(): void {
    for (const gate of Object.values(this.gates)) gate.open();
    this.failingCall = undefined;
    this.isShort = false;
  }
}

/** A failure that the nemesis demanded. */
export class PlannedFailure extends Error {
  override readonly name = 'PlannedFailure';
}

/** The error of a snapshot manager that meets a shortage. */
export function shortage(): SnapshotError {
  return new SnapshotError('SNAPSHOT_TRY_AGAIN', 'no descriptor is left for a moment');
}
