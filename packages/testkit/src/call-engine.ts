/**
 * Every call of the simulated disk passes through this engine, which counts it, traces it, applies
 * faults to it, orders it and can stop it. Asynchronous calls wait in a queue and take effect in a
 * seeded order a few microtasks later, as in a thread pool. No timer is involved, so thousands of
 * simulated worlds run in a second. After `hold`, each call waits until the schedule of the test
 * releases it.
 *
 * A stopped world stands for a dead process: asynchronous calls never settle, synchronous ones
 * throw `WorldStopped`, and code that still runs cannot change the disk.
 */
import { FileError } from '@babuza/vfs';
import type { FileOperation } from '@babuza/vfs';
import { InjectedFault, simulatedError } from './fault-rules.ts';
import type { Fault, FaultRule } from './fault-rules.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { DirectoryChange, DirectoryNode, FileNode } from './simulated-node.ts';

/** Synchronous calls throw this after the world has stopped. */
export class WorldStopped extends Error {
  override readonly name = 'WorldStopped';
}

/** An effect that a call may have had although the world stopped while it was in flight. */
export type PossibleEffect =
  | {
      readonly kind: 'write';
      readonly file: FileNode;
      readonly data: Uint8Array;
      readonly position: number;
    }
  | { readonly kind: 'truncate'; readonly file: FileNode; readonly bytes: number }
  | {
      readonly kind: 'names';
      readonly directory: DirectoryNode;
      readonly change: DirectoryChange;
    };

/** A call that has not taken effect yet. */
export interface PlannedCall<T> {
  readonly operation: FileOperation;
  readonly path: string;
  readonly position?: number;
  readonly bytes?: number;
  /** Whether the call changes or syncs something. Default: decided by the operation. */
  readonly isMutation?: boolean;
  /** Performs the call. Faults other than a plain error are passed in. */
  run(fault: Fault | undefined): T;
  /** Runs even if the call fails. */
  always?(): void;
  /** The effects that the call may have had if the world stops before `run`. */
  effects?(): readonly PossibleEffect[];
}

/** One call, as counted and traced. */
export interface CallRecord {
  /** The number of the call, from 1. */
  readonly number: number;
  readonly operation: FileOperation;
  readonly path: string;
  readonly position: number | undefined;
  readonly bytes: number | undefined;
  /** `in flight`, `ok`, or the code or kind of the error. */
  outcome: string;
}

/**
 * How often one position in the source called the disk, and how often that call was made to fail.
 */
export interface CallSite {
  calls: number;
  faults: number;
}

const MUTATIONS: ReadonlySet<FileOperation> = new Set([
  'write',
  'write-durable',
  'datasync',
  'truncate',
  'rename',
  'unlink',
  'mkdir',
  'rmdir',
  'sync-directory',
]);

interface Waiting {
  readonly held: HeldCall;
  readonly execute: () => void;
  readonly effects: (() => readonly PossibleEffect[]) | undefined;
}

/** A call that waits until the schedule of a test releases it. */
export interface HeldCall {
  /** The name of the call, for the message of a failing test. */
  readonly what: string;
  /** Whether the call changes or syncs something, or is a step of a caller. */
  readonly matters: boolean;
  /** Whether this is a step of a caller and not a call of the disk. */
  readonly isStep: boolean;
}

/** The longest time that a runnable call stays in the queue, in microtasks. */
const DELAY_TURNS_MAX = 4;

/** Counts, orders, fails and stops calls. */
export class CallEngine {
  /** All calls so far. */
  readonly records: CallRecord[] = [];
  /** Keyed by position in the source; filled only if `recordsCallSites` is set. */
  readonly sites: Map<string, CallSite> = new Map();
  /**
   * The number of calls so far that change or sync something. Stopping at the others shows no new
   * state.
   */
  mutationCount = 0;
  stopped = false;
  readonly whenStopped: Promise<void>;
  readonly #random: SeededRandom;
  readonly #recordsSites: boolean;
  #faults: InjectedFault[] = [];
  #stopWhen: ((call: CallRecord, mutationCount: number) => boolean) | undefined;
  #onStop: () => void = () => {};
  #waiting: Waiting[] = [];
  #holds = false;
  #turning = false;
  #turnsLeft = 0;

  constructor(random: SeededRandom, recordsSites: boolean) {
    this.#random = random;
    this.#recordsSites = recordsSites;
    this.whenStopped = new Promise((resolve) => {
      this.#onStop = resolve;
    });
  }

  inject(rule: FaultRule): InjectedFault {
    const fault = new InjectedFault(rule);
    this.#faults.push(fault);
    return fault;
  }

  stopWhen(condition: (call: CallRecord, mutationCount: number) => boolean): void {
    this.#stopWhen = condition;
  }

  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    this.#onStop();
  }

  /** From now on asynchronous calls wait until `letGo`. */
  hold(): void {
    this.#holds = true;
  }

  /** The calls that are held now, in the order in which they were made. */
  get held(): readonly HeldCall[] {
    return this.#holds ? this.#waiting.map(({ held }) => held) : [];
  }

  /** Lets a call that is held take effect now. */
  letGo(call: HeldCall): void {
    const at = this.#waiting.findIndex(({ held }) => held === call);
    if (at === -1) throw new RangeError(`${call.what} is not held`);
    const [waiting] = this.#waiting.splice(at, 1);
    waiting?.execute();
  }

  /**
   * A step of a caller is held as a call is, but does nothing on the disk. Without `hold` it passes
   * at once.
   */
  step(what: string): Promise<void> {
    if (this.stopped) return never();
    if (!this.#holds) return Promise.resolve();
    return new Promise((resolve) => {
      const held = { what, matters: true, isStep: true };
      this.#waiting.push({ held, execute: resolve, effects: undefined });
    });
  }

  /** The effects that the calls in flight may have had, in the order of the calls. */
  effects(): PossibleEffect[] {
    return this.#waiting.flatMap((call) => call.effects?.() ?? []);
  }

  /** Makes an asynchronous call. */
  call<T>(planned: PlannedCall<T>): Promise<T> {
    if (this.stopped) return never();
    const record = this.#record(planned);
    return new Promise((resolve, reject) => {
      const fault = this.#faultFor(planned);
      const execute = (): void => {
        try {
          resolve(this.#execute(planned, record, fault));
        } catch (error) {
          reject(error);
        }
      };
      this.#waiting.push({
        held: new HeldPlan(planned),
        execute,
        effects: () => planned.effects?.() ?? [],
      });
      if (this.#stopWhen?.(record, this.mutationCount) === true) this.stop();
      else this.#turn();
    });
  }

  /** Makes a synchronous call. */
  callSync<T>(planned: PlannedCall<T>): T {
    if (this.stopped) throw new WorldStopped();
    const record = this.#record(planned);
    const fault = this.#faultFor(planned);
    if (this.#stopWhen?.(record, this.mutationCount) === true) {
      this.#waiting.push({
        held: new HeldPlan(planned),
        execute: () => {},
        effects: () => planned.effects?.() ?? [],
      });
      this.stop();
      throw new WorldStopped();
    }
    return this.#execute(planned, record, fault);
  }

  #record(planned: PlannedCall<unknown>): CallRecord {
    const { operation, path, position, bytes } = planned;
    const number = this.records.length + 1;
    const record = { number, operation, path, position, bytes, outcome: 'in flight' };
    this.records.push(record);
    if (isMutation(planned)) this.mutationCount += 1;
    return record;
  }

  #faultFor(planned: PlannedCall<unknown>): Fault | undefined {
    // Every rule counts every call, so the n-th call is the same whatever other rules do.
    let met: Fault | undefined;
    for (const fault of this.#faults) {
      if (fault.meets(planned.operation, planned.path)) met ??= fault.rule.fault;
    }
    if (this.#recordsSites) this.#countSite(planned.operation, met !== undefined);
    return met;
  }

  #execute<T>(planned: PlannedCall<T>, record: CallRecord, fault: Fault | undefined): T {
    try {
      planned.always?.();
      if (fault?.type === 'error')
        throw simulatedError(fault.kind, planned.operation, planned.path);
      const result = planned.run(fault);
      record.outcome = fault === undefined ? 'ok' : `ok (${fault.type})`;
      return result;
    } catch (error) {
      record.outcome = error instanceof FileError ? (error.errno ?? error.kind) : String(error);
      throw error;
    }
  }

  #turn(): void {
    if (this.#turning || this.#holds) return;
    this.#turning = true;
    this.#turnsLeft = this.#random.below(DELAY_TURNS_MAX);
    queueMicrotask(this.#nextTurn);
  }

  readonly #nextTurn = (): void => {
    if (this.stopped) return;
    if (this.#holds) {
      this.#turning = false;
      return;
    }
    if (this.#turnsLeft > 0) {
      this.#turnsLeft -= 1;
      queueMicrotask(this.#nextTurn);
      return;
    }
    const index = this.#waiting.length === 1 ? 0 : this.#random.below(this.#waiting.length);
    const [call] = this.#waiting.splice(index, 1);
    this.#turning = false;
    if (this.#waiting.length > 0) this.#turn();
    call?.execute();
  };

  #countSite(operation: FileOperation, failed: boolean): void {
    const site = `${operation} ${callerOutside()}`;
    const counts = this.sites.get(site) ?? { calls: 0, faults: 0 };
    counts.calls += 1;
    if (failed) counts.faults += 1;
    this.sites.set(site, counts);
  }
}

function isMutation({ isMutation: says, operation }: PlannedCall<unknown>): boolean {
  return says ?? MUTATIONS.has(operation);
}

class HeldPlan implements HeldCall {
  readonly isStep = false;
  readonly #planned: PlannedCall<unknown>;

  constructor(planned: PlannedCall<unknown>) {
    this.#planned = planned;
  }

  get what(): string {
    const { operation, path, position } = this.#planned;
    return `${operation} ${path}${position === undefined ? '' : ` @${position}`}`;
  }

  get matters(): boolean {
    return isMutation(this.#planned);
  }
}

/** One line per call, as a test prints it when it fails. */
export function formatTrace(records: readonly CallRecord[]): string {
  return records.map(formatRecord).join('\n');
}

function formatRecord(record: CallRecord): string {
  const where = record.position === undefined ? '' : ` @${record.position}`;
  const length = record.bytes === undefined ? '' : ` +${record.bytes}`;
  return `${record.number} ${record.operation} ${record.path}${where}${length} = ${record.outcome}`;
}

/** The nearest stack frame outside of the sources of this package. */
function callerOutside(): string {
  const frames = (new Error().stack ?? '').split('\n').slice(1);
  const frame = frames.find(
    (line) => !/testkit[\\/](src|dist)[\\/]/.test(line) && line.includes(':'),
  );
  return frame?.trim().replace(/^at /, '') ?? 'unknown';
}

function never<T>(): Promise<T> {
  return new Promise(() => {});
}
