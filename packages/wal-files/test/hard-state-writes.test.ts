import type { HardState } from '@babuza/raftpb';
import type { SavePlan } from '@babuza/wal-core/backend';
import { describe, expect, it } from 'vitest';
import { HardStateWrites } from '../src/index.ts';

const first: HardState = { term: 1, vote: 1n, commit: 0 };
const second: HardState = { ...first, commit: 1 };
const third: HardState = { ...first, commit: 2 };

function plan(hardState: HardState | undefined): SavePlan {
  return {
    marker: undefined,
    resets: false,
    truncateFrom: undefined,
    entries: [],
    hardState,
    purgeTo: undefined,
    durable: true,
    bytes: 0,
  };
}

describe('the hard states of a log', () => {
  it('have nothing to write at first', () => {
    const writes = new HardStateWrites(first);
    expect([writes.written, writes.unwritten]).toEqual([first, undefined]);
  });

  it('keep the last hard state of the plans for the next write', () => {
    const writes = new HardStateWrites(first);
    writes.note([plan(second), plan(third), plan(undefined)]);
    expect([writes.written, writes.unwritten]).toEqual([first, third]);
    writes.note([plan(undefined)]);
    expect(writes.unwritten).toEqual(third);
  });

  it('have nothing to write after a return to the written hard state', () => {
    const writes = new HardStateWrites(first);
    writes.note([plan(second), plan({ ...first })]);
    expect(writes.unwritten).toBeUndefined();
  });

  it.each([
    ['term', { ...first, term: 2 }],
    ['vote', { ...first, vote: 2n }],
    ['commit index', second],
  ])('differ when the %s differs', (_, other) => {
    const writes = new HardStateWrites(first);
    expect([writes.isWritten({ ...first }), writes.isWritten(other)]).toEqual([true, false]);
  });

  it('forget a waiting hard state only when an equal one is written', () => {
    const writes = new HardStateWrites(first);
    writes.note([plan(third)]);
    writes.markWritten(second);
    expect([writes.written, writes.unwritten]).toEqual([second, third]);
    writes.markWritten({ ...third });
    expect([writes.written, writes.unwritten]).toEqual([third, undefined]);
  });

  it('return to the state before a refused batch, with the hard state that waited before it', () => {
    const writes = new HardStateWrites(first);
    writes.note([plan(second)]);
    writes.note([plan(third)]);
    writes.markWritten(third);
    writes.undo();
    expect([writes.written, writes.unwritten]).toEqual([first, second]);
  });
});
