// The workload of the writer process as lines of text. It is plain JavaScript because both the
// writer and the test that checks it run it; its types are in workload.d.mts. A line describes a
// batch completely; payloads follow from index and term.

/** The generator mulberry32, which returns the same numbers on every platform. */
export function randomFrom(seed) {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Sizes from nothing to some kilobytes, and sometimes more than a block of LevelDB's log. */
export function payloadOf(index, term) {
  const bytes = index % 29 === 0 ? 50_000 : (index * 37 + term * 11) % 3000;
  const payload = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += 1) payload[at] = (index * 31 + term * 17 + at * 7) & 0xff;
  return payload;
}

/** The batch that a line describes. */
export function batchOf({ first, last, entryTerm, hard, marker, purge, sync }) {
  const batch = {};
  if (first !== undefined && last !== undefined && entryTerm !== undefined) {
    batch.entries = [];
    for (let index = first; index <= last; index += 1) {
      const data = payloadOf(index, entryTerm);
      batch.entries.push({ index, term: entryTerm, type: 0, data });
    }
  }
  if (hard !== undefined)
    batch.hardState = { term: hard[0], vote: BigInt(hard[1]), commit: hard[2] };
  if (marker !== undefined) {
    const confState = {
      voters: [1n, 2n],
      learners: [],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
    batch.snapshot = { index: marker[0], term: marker[1], confState };
  }
  if (purge !== undefined) batch.purgeTo = purge;
  if (sync) batch.sync = true;
  return batch;
}

/** An identity record: its number, and bytes that follow from it. */
export function recordOf(number) {
  const record = new Uint8Array(number % 3 === 0 ? 900 : 40).fill(number);
  new DataView(record.buffer).setUint32(0, number);
  return record;
}

/**
 * Simulates a node that appends, loses its tail to another leader, votes, takes snapshots, purges,
 * advances its commit index without a sync, syncs it, and writes identity records.
 */
export class Workload {
  constructor(random, log) {
    this.random = random;
    this.last = log.last;
    this.commit = log.commit;
    this.term = log.term + 1;
    this.start = log.start;
    // The term of the last hard state. The term of the node may be ahead of it.
    this.hard = log.hard;
    this.record = log.record;
    this.terms = new Map();
    for (let index = log.start; index <= log.last; index += 1)
      this.terms.set(index, log.termOf(index));
  }

  next() {
    const step = this.random(24);
    const uncommitted = this.last - this.commit;
    if (step === 0) return this.#vote();
    if (step < 4 && uncommitted > 0)
      return this.#append(this.commit + 1 + this.random(uncommitted), true);
    if (step < 7 && uncommitted > 0)
      return this.#commitUpTo(this.commit + 1 + this.random(uncommitted));
    if (step === 7 && this.commit > this.start) return this.#mark();
    if (step === 8 && this.commit - this.start > 60)
      return this.#purge(this.commit - this.random(30));
    if (step === 20 && uncommitted > 0)
      return this.#advance(this.commit + 1 + this.random(uncommitted));
    if (step === 21) return { sync: true };
    if (step === 22) return { record: (this.record += 1) };
    return this.#append(this.last + 1, false);
  }

  #vote() {
    this.term += 1;
    return { hard: this.#hard(1 + this.random(3)) };
  }

  #append(first, conflict) {
    if (conflict) this.term += 1;
    const last = first + this.random(4);
    for (let index = first; index <= last; index += 1) this.terms.set(index, this.term);
    this.last = last;
    const line = { first, last, entryTerm: this.term };
    return conflict ? { ...line, hard: this.#hard(0) } : line;
  }

  #commitUpTo(commit) {
    this.commit = commit;
    this.term += 1;
    return { hard: this.#hard(1) };
  }

  /** A save of a commit index alone does not sync it. */
  #advance(commit) {
    this.commit = commit;
    return { hard: [...this.hard, commit] };
  }

  #hard(vote) {
    this.hard = [this.term, vote];
    return [...this.hard, this.commit];
  }

  #mark() {
    return { marker: [this.commit, this.terms.get(this.commit) ?? 0] };
  }

  #purge(to) {
    for (let index = this.start; index < to; index += 1) this.terms.delete(index);
    this.start = to;
    return { purge: to };
  }
}
