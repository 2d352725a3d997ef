/**
 * The calls and returns of a history in their order, as a list from which operations are lifted
 * when they are put into an order, and to which they come back when that was a wrong choice, in the
 * opposite sequence.
 */
import type { Operation } from './check-history.ts';

export class Places {
  /**
   * By place: the operation, and whether it is its call. The head of the list is one place more.
   */
  readonly #numbers: Int32Array;
  readonly #isCall: Uint8Array;
  readonly #next: Int32Array;
  readonly #before: Int32Array;
  /** By operation: the places of its call and its return. */
  readonly #calls: Int32Array;
  readonly #returns: Int32Array;
  readonly #isAnswered: readonly boolean[];
  /** A bit for each operation that is lifted. */
  readonly #lifted: Uint32Array;
  readonly #head: number;
  #answeredLeft: number;

  constructor(operations: readonly Operation<unknown, unknown>[]) {
    const count = operations.length;
    const moments = operations.flatMap(({ calledAt, returned }, number) => [
      { at: calledAt, number, isCall: 1 },
      // Where the outcome is not known it may have taken effect behind everything else.
      { at: returned?.at ?? Infinity, number, isCall: 0 },
    ]);
    moments.sort((a, b) => (a.at === b.at ? a.number - b.number : a.at - b.at));
    this.#head = moments.length;
    this.#numbers = Int32Array.from(moments, ({ number }) => number);
    this.#isCall = Uint8Array.from(moments, ({ isCall }) => isCall);
    this.#next = Int32Array.from({ length: this.#head + 1 }, (_, at) => at + 1);
    this.#next[this.#head] = 0;
    this.#before = Int32Array.from({ length: this.#head + 1 }, (_, at) => at - 1);
    this.#before[0] = this.#head;
    this.#calls = new Int32Array(count);
    this.#returns = new Int32Array(count);
    for (const [at, { number, isCall }] of moments.entries()) {
      if (isCall === 1) this.#calls[number] = at;
      else this.#returns[number] = at;
    }
    this.#isAnswered = operations.map(({ returned }) => returned !== undefined);
    this.#answeredLeft = this.#isAnswered.filter(Boolean).length;
    this.#lifted = new Uint32Array(Math.ceil(count / 32));
  }

  /** No operation is left that has an answer: those without may never have taken effect. */
  get isAllAnswered(): boolean {
    return this.#answeredLeft === 0;
  }

  get first(): number {
    return this.behind(this.#head);
  }

  behind(place: number): number {
    return this.#next[place] ?? this.#head;
  }

  callOf(number: number): number {
    return this.#calls[number] ?? this.#head;
  }

  /** The operation whose call is at this place, if it is a call. */
  calledAt(place: number): number | undefined {
    return this.#isCall[place] === 1 ? this.#numbers[place] : undefined;
  }

  /** Names the set of lifted operations and this one. */
  keyWith(number: number): string {
    this.#flip(number);
    const key = this.#lifted.join(' ');
    this.#flip(number);
    return key;
  }

  lift(number: number): void {
    this.#flip(number);
    for (const place of [this.callOf(number), this.#returns[number] ?? this.#head]) {
      const [before, next] = this.#around(place);
      this.#next[before] = next;
      this.#before[next] = before;
    }
    if (this.#isAnswered[number] === true) this.#answeredLeft -= 1;
  }

  putBack(number: number): void {
    this.#flip(number);
    for (const place of [this.#returns[number] ?? this.#head, this.callOf(number)]) {
      const [before, next] = this.#around(place);
      this.#next[before] = place;
      this.#before[next] = place;
    }
    if (this.#isAnswered[number] === true) this.#answeredLeft += 1;
  }

  #around(place: number): [before: number, next: number] {
    return [this.#before[place] ?? this.#head, this.#next[place] ?? this.#head];
  }

  #flip(number: number): void {
    const at = Math.floor(number / 32);
    this.#lifted[at] = (this.#lifted[at] ?? 0) ^ (1 << (number % 32));
  }
}
