/**
 * The time of a simulation: a queue of events in the order of their times. Events of the same time
 * happen in the order in which they were planned. Time jumps from one event to the next. One unit
 * is about a millisecond.
 */

interface Planned {
  readonly time: number;
  readonly order: number;
  readonly run: () => void;
}

export class Scheduler {
  now = 0;
  /** The number of events that have happened. */
  steps = 0;
  /**
   * A binary heap: the earliest event is at position 0, and no event is earlier than its parent.
   */
  readonly #heap: Planned[] = [];
  #order = 0;

  after(delay: number, run: () => void): void {
    this.#order += 1;
    const planned = { time: this.now + delay, order: this.#order, run };
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt];
      if (parent === undefined || isEarlier(parent, planned)) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = planned;
  }

  /** Runs the next event. Returns false when there is none. */
  step(): boolean {
    const next = this.#takeEarliest();
    if (next === undefined) return false;
    this.now = next.time;
    this.steps += 1;
    next.run();
    return true;
  }

  #takeEarliest(): Planned | undefined {
    const heap = this.#heap;
    const earliest = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return earliest;
    let at = 0;
    for (;;) {
      const leftAt = 2 * at + 1;
      const left = heap[leftAt];
      if (left === undefined) break;
      const right = heap[leftAt + 1];
      const isRight = right !== undefined && isEarlier(right, left);
      const child = isRight ? right : left;
      if (isEarlier(last, child)) break;
      heap[at] = child;
      at = isRight ? leftAt + 1 : leftAt;
    }
    heap[at] = last;
    return earliest;
  }
}

function isEarlier(a: Planned, b: Planned): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order);
}
