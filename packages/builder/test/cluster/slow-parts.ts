/**
 * What keeps the state machine, the snapshots and the sender of one member from their work at the
 * moment. The nemesis sets it; it outlives the processes of the member.
 */
import { SnapshotError } from '@babuza/snapshot';
import type { SeededRandom } from '@babuza/testkit';
import { Gate } from './gate.ts';
import type { MachineCall } from './key-value-machine.ts';
import type { ProcessClock } from './machine-world.ts';

/** Calls of a state machine that a node survives when they fail: there is no snapshot then. */
export const survivableCalls = ['prepare', 'save'] as const;
/** Calls of a state machine that stop the node when they fail. */
export const fatalCalls = ['apply', 'restore'] as const;

/** How long work of the state machine and of the sender takes, drawn for each piece of it. */
export interface PartTimes {
  /** The share of calls of the state machine that take up to `slowMsMax`. */
  readonly slowCallShare: number;
  readonly slowMsMax: number;
  /** Each chunk of a snapshot that is sent takes up to this. */
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
  /** The next call of this kind fails. */
  failingCall: MachineCall | undefined;
  /** While true, snapshots that are made and received meet a shortage by chance, as do streams. */
  isShort = false;
  readonly #times: PartTimes;
  readonly #random: SeededRandom;

  constructor(times: PartTimes, random: SeededRandom) {
    this.#times = times;
    this.#random = random;
  }

  /** The time that a call of the state machine takes. In a process that has died it never ends. */
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

  /** Before a chunk of a snapshot leaves. */
  async beforeChunk(clock: ProcessClock): Promise<void> {
    const { chunkMsMax } = this.#times;
    await this.gates.send.whenOpen();
    await clock.sleepForTest(chunkMsMax === 0 ? 0 : this.#random.below(chunkMsMax));
    if (this.isShort && this.#random.chance(0.5)) throw new PlannedFailure('a stream breaks');
  }

  /** Whether this piece of work with a snapshot finds the system short of something. */
  meetsShortage(): boolean {
    return this.isShort && this.#random.chance(0.4);
  }

  heal(): void {
    for (const gate of Object.values(this.gates)) gate.open();
    this.failingCall = undefined;
    this.isShort = false;
  }
}

/** A failure that the nemesis has planned. */
export class PlannedFailure extends Error {
  override readonly name = 'PlannedFailure';
}

/** The error of a snapshot manager while the system is short of something. */
export function shortage(): SnapshotError {
  return new SnapshotError('SNAPSHOT_TRY_AGAIN', 'no descriptor is left for a moment');
}
