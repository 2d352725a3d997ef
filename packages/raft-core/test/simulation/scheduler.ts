/**
 * Time in a simulation: a queue of things that will happen, in the order of their times, and of
 * their being planned where times are equal. Nothing waits; time jumps from one event to the next.
 * One unit is about a millisecond.
 */

interface Planned {
  readonly time: number;
  readonly order: number;
  readonly run: () => void;
}

export class Scheduler {
  now = 0;
  /** How many events have happened. */
  steps = 0;
  /** A binary heap: the earliest is at position 0, and none is earlier than its parent. */
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

  /** Lets the next thing happen; false when nothing is planned. */
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
