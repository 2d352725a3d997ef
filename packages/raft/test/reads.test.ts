/**
 * Rounds of linearizable reads: which readers take part in which round, and which answers count.
 */
import { SimulatedClock } from '@babuza/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { RaftError } from '../src/errors.ts';
import { ReadRounds } from '../src/reads/reads.ts';

let clock: SimulatedClock;
let asked: Uint8Array[];
let appliedIndex: number;
let rounds: ReadRounds;

beforeEach(() => {
  clock = new SimulatedClock();
  asked = [];
  appliedIndex = 0;
  rounds = new ReadRounds({
    clock,
    nodeId: 1n,
    incarnation: 7,
    timeoutMs: 1000,
    retryMs: 100,
    ask: (context) => asked.push(context),
    appliedIndex: () => appliedIndex,
  });
});

/** A reader, and how its wait has ended. */
function reader(): { ended: unknown[]; leave: () => void } {
  const ended: unknown[] = [];
  const leave = rounds.wait({
    resolve: (index) => ended.push(index),
    reject: (error) => ended.push(error instanceof RaftError ? error.code : error),
  });
  return { ended, leave };
}

/** Answers the round under way, by its newest id or an earlier one. */
function answer(index: number, at = -1): void {
  const context = asked.at(at);
  if (context === undefined) throw new Error('nothing was asked');
  rounds.answered(index, context);
}

const turn = (): Promise<void> => Promise.resolve();

describe('a round', () => {
  it('is shared by all readers that come together, and wakes each of them when its index is applied', async () => {
    const readers = [reader(), reader(), reader()];
    await turn();
    expect(asked).toHaveLength(1);
    answer(5);
    expect(readers.map(({ ended }) => ended)).toEqual([[], [], []]);
    appliedIndex = 4;
    rounds.applied();
    expect(readers[0]?.ended).toEqual([]);
    appliedIndex = 6;
    rounds.applied();
    expect(readers.map(({ ended }) => ended)).toEqual([[5], [5], [5]]);
  });

  it('does not answer readers that came after it had begun: an entry may have been acknowledged since', async () => {
    appliedIndex = 9;
    const early = reader();
    await turn();
    const late = reader();
    await turn();
    expect(asked).toHaveLength(1);
    answer(5);
    expect([early.ended, late.ended]).toEqual([[5], []]);
    await turn();
    expect(asked).toHaveLength(2);
    answer(6);
    expect(late.ended).toEqual([6]);
  });

  it('has an id of its own each time it is repeated; any id of the current round counts, and no earlier one', async () => {
    appliedIndex = 9;
    const first = reader();
    await turn();
    await clock.advance(250);
    expect(asked).toHaveLength(3);
    expect(new Set(asked.map(String)).size).toBe(3);
    answer(5, 1);
    expect(first.ended).toEqual([5]);
    const second = reader();
    await turn();
    answer(4, 2);
    expect(second.ended).toEqual([]);
    answer(6);
    expect(second.ended).toEqual([6]);
  });

  it('of another incarnation of the node has other ids', async () => {
    const other: Uint8Array[] = [];
    const later = new ReadRounds({
      clock,
      nodeId: 1n,
      incarnation: 8,
      timeoutMs: 1000,
      retryMs: 100,
      ask: (context) => other.push(context),
      appliedIndex: () => 9,
    });
    reader();
    later.wait({ resolve: () => undefined, reject: () => undefined });
    await turn();
    expect(String(other[0])).not.toBe(String(asked[0]));
  });

  it('ends for readers that have timed out, and goes on for later ones', async () => {
    const early = reader();
    await turn();
    await clock.advance(700);
    const late = reader();
    await clock.advance(400);
    expect([early.ended, late.ended]).toEqual([['RAFT_OUTCOME_UNKNOWN'], []]);
    answer(3);
    appliedIndex = 3;
    rounds.applied();
    expect(late.ended).toEqual([3]);
    expect(rounds.counts).toEqual({ pending: 0, answered: 1, failed: 1 });
    expect(clock.pendingCount).toBe(0);
  });

  it('that all readers have left answers no later reader: an entry may have been acknowledged since', async () => {
    appliedIndex = 9;
    const left = reader();
    await turn();
    left.leave();
    const later = reader();
    await turn();
    expect(asked).toHaveLength(2);
    answer(5, 0);
    expect(later.ended).toEqual([]);
    answer(9);
    expect(later.ended).toEqual([9]);
  });

  it('that all have left makes way for the next at once, and is not repeated', async () => {
    const left = reader();
    await turn();
    const next = reader();
    left.leave();
    await turn();
    expect(asked).toHaveLength(2);
    next.leave();
    expect(clock.pendingCount).toBe(0);
    for (let at = 0; at < 5; at += 1) {
      const other = reader();
      await turn();
      other.leave();
    }
    reader();
    await turn();
    expect(clock.pendingCount).toBe(1);
  });
});
