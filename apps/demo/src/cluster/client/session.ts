/**
 * The client's half of a session: it numbers writes and knows which of them still wait. A number is
 * given once; a write that is sent again keeps its own. What is given up counts as answered: a copy
 * of it that is still on its way is refused then.
 */
export class ClientSession {
  readonly id: number;
  #next = 1;
  /** In ascending order, because they are added so: the first is the lowest. */
  readonly #waiting = new Set<number>();

  constructor(id: number) {
    this.id = id;
  }

  get lowestUnanswered(): number {
    const [lowest = this.#next] = this.#waiting;
    return lowest;
  }

  /** The sequence of a new write. */
  begin(): number {
    const sequence = this.#next;
    this.#next += 1;
    this.#waiting.add(sequence);
    return sequence;
  }

  end(sequence: number): void {
    this.#waiting.delete(sequence);
  }
}
