/** Rounds of linearizable reads: which answer counts for which caller, and each end of the wait. */
import { SimulatedClock } from '@babuza/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { ReadRounds } from '../src/reads/reads.ts';

const timeoutMs = 1000;
const retryMs = 100;

let clock: SimulatedClock;
let asked: Uint8Array[];
let appliedIndex: number;
/** How often the applied index was read. */
let looks: number;
let rounds: ReadRounds;

function newRounds(nodeId = 1n, incarnation = 1): ReadRounds {
  return new ReadRounds({
    clock,
    nodeId,
    incarnation,
    timeoutMs,
    retryMs,
    ask: (context) => void asked.push(context),
    appliedIndex: () => {
      looks += 1;
      return appliedIndex;
    },
  });
}

beforeEach(() => {
  clock = new SimulatedClock();
  [asked, appliedIndex, looks] = [[], 10, 0];
  rounds = newRounds();
});

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
};

interface Reader {
  end: unknown;
  readonly leave: () => void;
}

/** Starts a read, and notes the result. */
function read(): Reader {
  const noted: { end: unknown } = { end: undefined };
  const leave = rounds.wait({
    resolve: (index) => {
      noted.end = index;
    },
    reject: (error) => {
      noted.end = Reflect.get(Object(error), 'code');
    },
  });
  return Object.assign(noted, { leave });
}

const context = (at: number): Uint8Array => {
  const found = asked.at(at);
  if (found === undefined) throw new Error('nobody was asked');
  return found;
};

describe('an answer', () => {
  it('counts for readers that came before the round began, and not for later ones', async () => {
    const [first, second] = [read(), read()];
    await turns();
    const late = read();
    await turns();
    expect(asked).toHaveLength(1);
    rounds.answered(10, context(0));
    expect([first.end, second.end, late.end]).toEqual([10, 10, undefined]);
    await turns();
    expect(asked).toHaveLength(2);
    rounds.answered(11, context(0));
    expect(late.end).toBeUndefined();
    appliedIndex = 11;
    rounds.answered(11, context(1));
    expect(late.end).toBe(11);
  });

  it('to any repetition of the round counts, and to no earlier round', async () => {
    const first = read();
    await turns();
    await clock.advance(2 * retryMs);
    expect(asked).toHaveLength(3);
    rounds.answered(9, context(1));
    expect(first.end).toBe(9);
    const second = read();
    await turns();
    for (const at of [0, 1, 2]) rounds.answered(9, context(at));
    expect(second.end).toBeUndefined();
    rounds.answered(10, context(3));
    expect(second.end).toBe(10);
  });

  it('is not requested when all readers have left before the round began', async () => {
    read().leave();
    await turns();
    expect([asked, clock.pendingCount]).toEqual([[], 0]);
    const next = read();
    await turns();
    rounds.answered(10, context(-1));
    expect([next.end, asked.length]).toEqual([10, 1]);
  });

  it('is requested once, even if readers come in the same turn and in the next one', async () => {
    const readers = [read(), read()];
    await turns();
    readers.push(read(), read());
    await turns();
    expect(asked).toHaveLength(1);
    rounds.answered(10, context(0));
    await turns();
    expect([asked.length, readers.map(({ end }) => end)]).toEqual([
      2,
      [10, 10, undefined, undefined],
    ]);
  });

  it('does not count for readers that came between the callers of a round and its beginning', async () => {
    const readers = [read()];
    // Runs after the microtask that begins the round.
    queueMicrotask(() => void readers.push(read()));
    readers.push(read());
    await turns();
    expect(asked).toHaveLength(1);
    rounds.answered(10, context(0));
    // The first reader, the one that came in the same turn, and the one that came after the
    // beginning.
    const [first, same, late] = [readers[0], readers[1], readers[2]];
    expect([first?.end, same?.end, late?.end]).toEqual([10, 10, undefined]);
  });

  it('to a round that all have left does not count for the next', async () => {
    read().leave();
    const gone = read();
    await turns();
    gone.leave();
    const next = read();
    await turns();
    rounds.answered(5, context(0));
    expect([next.end, asked.length]).toEqual([undefined, 2]);
  });

  it('to a round whose readers were late does not count for those behind them', async () => {
    const late = read();
    await turns();
    const [old] = asked;
    await clock.advance(timeoutMs - retryMs);
    const next = read();
    await clock.advance(retryMs);
    await turns();
    expect(late.end).toBe('RAFT_OUTCOME_UNKNOWN');
    rounds.answered(5, old ?? new Uint8Array(0));
    rounds.answered(5, context(-2));
    expect(next.end).toBeUndefined();
    rounds.answered(10, context(-1));
    expect(next.end).toBe(10);
  });

  it('to a round of another incarnation, or of another node, does not count', async () => {
    for (const [nodeId, incarnation] of [
      [1n, 2],
      [2n, 1],
    ] as const) {
      asked = [];
      rounds = newRounds(nodeId, incarnation);
      read();
      await turns();
      const foreign = context(0);
      rounds = newRounds();
      const own = read();
      await turns();
      rounds.answered(5, foreign);
      expect(own.end).toBeUndefined();
    }
  });
});

describe('a round', () => {
  it('has an id of the node, of its start and of the number of the round, 20 bytes', async () => {
    rounds = newRounds(258n, 772);
    read();
    await turns();
    await clock.advance(retryMs);
    const hex = asked.map((bytes) => Buffer.from(bytes).toString('hex'));
    expect(hex).toEqual([
      '0000000000000102000003040000000000000001',
      '0000000000000102000003040000000000000002',
    ]);
  });

  it('goes on for the others where one of its callers leaves', async () => {
    const [first, second, third] = [read(), read(), read()];
    await turns();
    first.leave();
    second.leave();
    rounds.answered(10, context(0));
    expect([third.end, asked.length]).toEqual([10, 1]);
  });

  it('leaves nothing to do when no reader waits', async () => {
    read();
    await turns();
    rounds.answered(10, context(0));
    await turns();
    expect([asked.length, clock.pendingCount]).toEqual([1, 0]);
    looks = 0;
    rounds.applied();
    expect(looks).toBe(0);
  });
});

describe('a read whose index is confirmed', () => {
  it.each([
    [9, 10],
    [10, 10],
    [11, undefined],
  ])('is served when that is applied: %i of 10', async (index, expected) => {
    const reader = read();
    await turns();
    rounds.answered(index, context(0));
    expect(reader.end).toBe(expected === undefined ? undefined : index);
    appliedIndex = index;
    rounds.applied();
    expect(reader.end).toBe(index);
  });

  it('whose caller has left is neither served nor counted', async () => {
    const reader = read();
    await turns();
    rounds.answered(20, context(0));
    reader.leave();
    expect(rounds.counts.pending).toBe(0);
    appliedIndex = 20;
    rounds.applied();
    expect([reader.end, rounds.counts]).toEqual([
      undefined,
      { pending: 0, answered: 0, failed: 0 },
    ]);
  });

  it('of several indexes are served as far as they are applied', async () => {
    const first = read();
    await turns();
    rounds.answered(12, context(0));
    const second = read();
    await turns();
    rounds.answered(11, context(1));
    appliedIndex = 11;
    rounds.applied();
    expect([first.end, second.end]).toEqual([undefined, 11]);
  });
});

describe('a read without an answer', () => {
  it.each([
    [timeoutMs - 1, undefined],
    [timeoutMs, 'RAFT_OUTCOME_UNKNOWN'],
  ])('ends after its timeout: %i ms', async (ms, expected) => {
    const reader = read();
    await turns();
    await clock.advance(ms);
    expect(reader.end).toBe(expected);
  });

  it('ends also while it waits for the next round, and nothing goes on behind it', async () => {
    const first = read();
    await turns();
    const next = read();
    await clock.advance(2 * timeoutMs);
    expect([first.end, next.end]).toEqual(['RAFT_OUTCOME_UNKNOWN', 'RAFT_OUTCOME_UNKNOWN']);
    expect([clock.pendingCount, rounds.counts]).toEqual([
      0,
      { pending: 0, answered: 0, failed: 2 },
    ]);
  });

  it('makes room for the next round', async () => {
    read();
    await turns();
    await clock.advance(timeoutMs - 1);
    const next = read();
    const askedBefore = asked.length;
    await clock.advance(1);
    await turns();
    expect(asked.length).toBe(askedBefore + 1);
    rounds.answered(10, context(-1));
    expect([next.end, clock.pendingCount]).toEqual([10, 0]);
  });
});

describe('the end of the node', () => {
  it('is told to all: of this round, of the next, and those whose index is not applied', async () => {
    const confirmed = read();
    await turns();
    rounds.answered(20, context(0));
    const current = read();
    await turns();
    const next = read();
    rounds.rejectAll(Object.assign(new Error('the end'), { code: 'RAFT_STOPPED' }));
    expect([confirmed, current, next].map(({ end }) => end)).toEqual([
      'RAFT_STOPPED',
      'RAFT_STOPPED',
      'RAFT_STOPPED',
    ]);
    appliedIndex = 20;
    rounds.applied();
    rounds.answered(20, context(-1));
    await turns();
    expect([rounds.counts.pending, clock.pendingCount, rounds.counts.answered]).toEqual([0, 0, 0]);
  });
});
