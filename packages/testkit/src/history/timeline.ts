/**
 * The calls and returns of a history in order, as a doubly linked list. The search takes an
 * operation out of the list when it orders it, and puts it back in the opposite sequence when that
 * was a wrong choice.
 */

/** An operation of a client, with its call and its return. */
export interface Operation<Input, Output> {
  readonly client: number;
  readonly input: Input;
  /** The position of the call in the history. All positions of calls and returns are distinct. */
  readonly calledAt: number;
  /** The position of the return, and the answer; absent if the outcome is unknown. */
  readonly returned?: { readonly at: number; readonly output: Output } | undefined;
}

export class Timeline {
  /**
   * By position in the list: the operation, and whether this is its call. The last position is the
   * head of the list.
   */
  readonly #numbers: Int32Array;
  readonly #isCall: Uint8Array;
  readonly #next: Int32Array;
  readonly #before: Int32Array;
  /** By operation: the positions of its call and of its return. */
  readonly #calls: Int32Array;
  readonly #returns: Int32Array;
  readonly #isAnswered: readonly boolean[];
  /** One bit for each operation that is taken out. */
  readonly #lifted: Uint32Array;
  readonly #head: number;
  #answeredLeft: number;

  constructor(operations: readonly Operation<unknown, unknown>[]) {
    const count = operations.length;
    const moments = operations.flatMap(({ calledAt, returned }, number) => [
      { at: calledAt, number, isCall: 1 },
      // An operation with an unknown outcome may take effect behind everything else.
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

  /** Whether no answered operation is left. The others may never have taken effect. */
  get isAllAnswered(): boolean {
    return this.#answeredLeft === 0;
  }

  get first(): number {
    return this.behind(this.#head);
  }

  behind(position: number): number {
    return this.#next[position] ?? this.#head;
  }

  callOf(number: number): number {
    return this.#calls[number] ?? this.#head;
  }

  /** The operation whose call is at this position, or `undefined` for a return. */
  calledAt(position: number): number | undefined {
    return this.#isCall[position] === 1 ? this.#numbers[position] : undefined;
  }

  /** A key of the set of operations that are out of the list, plus this one. */
  keyWith(number: number): string {
    this.#flip(number);
    const key = this.#lifted.join(' ');
    this.#flip(number);
    return key;
  }

  lift(number: number): void {
    this.#flip(number);
    for (const position of [this.callOf(number), this.#returns[number] ?? this.#head]) {
      const [before, next] = this.#around(position);
      this.#next[before] = next;
      this.#before[next] = before;
    }
    if (this.#isAnswered[number] === true) this.#answeredLeft -= 1;
  }

  putBack(number: number): void {
    this.#flip(number);
    for (const position of [this.#returns[number] ?? this.#head, this.callOf(number)]) {
      const [before, next] = this.#around(position);
      this.#next[before] = position;
      this.#before[next] = position;
    }
    if (this.#isAnswered[number] === true) this.#answeredLeft += 1;
  }

  #around(position: number): [before: number, next: number] {
    return [this.#before[position] ?? this.#head, this.#next[position] ?? this.#head];
  }

  #flip(number: number): void {
    const at = Math.floor(number / 32);
    this.#lifted[at] = (this.#lifted[at] ?? 0) ^ (1 << (number % 32));
  }
}
