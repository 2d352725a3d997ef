/**
 * All interleavings of the held calls of a workload, one run after the other. A run repeats the
 * choices of an earlier run up to one choice and takes another option there. After that it stays
 * with the thread that ran last for as long as that thread can continue.
 *
 * `switchesMax` bounds the switches away from a thread that could continue. Calls on different
 * files and directories commute: a run ends when it reaches a state that an earlier run has
 * explored from.
 */
import type { HeldCall } from '../call-engine.ts';
import type { Option, Schedule } from '../scheduled-world.ts';

/** A choice of the current run: which option of how many. */
interface Choice {
  readonly taken: number;
  readonly count: number;
}

/** The state that all runs of one workload share. */
export class Explored {
  readonly #switchesLeftOf = new Map<string, number>();
  readonly #disks = new Set<string>();

  /** Whether no earlier run came to this state, whichever thread ran last. */
  isNewDisk(state: string): boolean {
    if (this.#disks.has(state)) return false;
    this.#disks.add(state);
    return true;
  }

  /**
   * Whether an earlier run explored from this state and thread with at least as many switches left.
   */
  covers(path: Path, disk: string): boolean {
    const state = `${path.last}\n${disk}`;
    const { switchesLeft } = path;
    const known = this.#switchesLeftOf.get(state);
    if (known !== undefined && known >= switchesLeft) return true;
    this.#switchesLeftOf.set(state, switchesLeft);
    return false;
  }

  get disks(): number {
    return this.#disks.size;
  }
}

export class Path implements Schedule {
  readonly #prefix: readonly number[];
  readonly #choices: Choice[] = [];
  #switchesLeft: number;
  /** The calls so far, by the file or directory that they act on. */
  readonly #events = new Map<string, string[]>();
  readonly #known = new Map<HeldCall, string>();
  readonly #names = new Map<string, number>();
  #last = 0;

  constructor(prefix: readonly number[], switchesMax: number) {
    this.#prefix = prefix;
    this.#switchesLeft = switchesMax;
  }

  /** Whether this run is past the choices that it repeats. */
  get isNew(): boolean {
    return this.#choices.length >= this.#prefix.length;
  }

  get switchesLeft(): number {
    return this.#switchesLeft;
  }

  /** The thread that ran last. */
  get last(): number {
    return this.#last;
  }

  /** The state of the world as the calls determine it, once the held calls are known. */
  stateWith(held: readonly HeldCall[]): string {
    for (const call of held) this.#nameOf(call);
    const events = [...this.#events].map(([key, list]) => `${key}: ${list.join(' ')}`).sort();
    return events.join('\n');
  }

  choose(options: readonly [Option, ...Option[]], last: number): Option {
    const current = options.filter(({ thread }) => thread === last);
    const others = options.filter(({ thread }) => thread !== last);
    const mayLeave = current.length === 0 || this.#switchesLeft > 0;
    const allowed = mayLeave ? [...current, ...others] : current;
    const taken = this.#prefix[this.#choices.length] ?? 0;
    this.#choices.push({ taken, count: allowed.length });
    const option = allowed[taken] ?? options[0];
    if (current.length > 0 && option.thread !== last) this.#switchesLeft -= 1;
    this.#last = option.thread;
    if (option.call === undefined) this.#note('timers', 'fired');
    else this.#note(keyOf(option.call), `${this.#nameOf(option.call)} done`);
    return option;
  }

  /** The choices of the next run, or `undefined` after the last one. */
  next(): number[] | undefined {
    const at = this.#choices.findLastIndex(({ taken, count }) => taken + 1 < count);
    const choice = this.#choices[at];
    if (choice === undefined) return undefined;
    return [...this.#choices.slice(0, at).map(({ taken }) => taken), choice.taken + 1];
  }

  toString(): string {
    return `choices ${this.#choices.map(({ taken }) => taken).join('')}`;
  }

  /**
   * The same call has the same name in every run: its description, and its number among equal
   * descriptions.
   */
  #nameOf(call: HeldCall): string {
    const known = this.#known.get(call);
    if (known !== undefined) return known;
    const number = (this.#names.get(call.what) ?? 0) + 1;
    this.#names.set(call.what, number);
    const name = `${call.what} (${number})`;
    this.#known.set(call, name);
    this.#note(keyOf(call), `${name} made`);
    return name;
  }

  #note(key: string, event: string): void {
    const list = this.#events.get(key) ?? [];
    this.#events.set(key, list);
    list.push(event);
  }
}

/**
 * The file of a call on a file, the directory of a call on names, and one common key for all steps.
 */
function keyOf({ what, isStep }: HeldCall): string {
  if (isStep) return 'steps';
  const [operation = '', path = ''] = what.split(' ');
  const isOnNames = ['open', 'unlink', 'rename', 'mkdir', 'rmdir'].includes(operation);
  return isOnNames ? path.slice(0, path.lastIndexOf('/')) : path;
}
