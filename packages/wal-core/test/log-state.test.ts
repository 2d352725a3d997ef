/** The transitions of a log, those of markers above all. */
import { LogState, TermIndex } from '@babuza/wal-core/backend';
import { beforeEach, describe, expect, it } from 'vitest';
import { marker } from './samples.ts';

let state: LogState<TermIndex>;

/** Entries 1 to 9 of term 1, with commit index 8. */
beforeEach(() => {
  state = new LogState(new TermIndex());
  for (let index = 1; index <= 9; index += 1) state.index.append(index, 1);
  state.hardState = { term: 1, vote: 0n, commit: 8 };
});

function markers(): number[] {
  return state.markers.map(({ index }) => index);
}

describe('a marker', () => {
  it('that matches keeps the log, one that does not resets it', () => {
    expect(state.applyMarker(marker(4))).toBe(false);
    expect([state.baseIndex, state.index.lastIndex, markers()]).toEqual([0, 9, [4]]);
    expect(state.applyMarker(marker(6, 2))).toBe(true);
    expect([state.baseIndex, state.index.lastIndex, markers()]).toEqual([6, 6, [6]]);
    expect(state.applyMarker(marker(6, 2))).toBe(false);
    expect(state.applyMarker(marker(50, 3))).toBe(true);
    expect([state.index.term(50), markers()]).toEqual([3, [50]]);
  });

  it('replaces an earlier one of the same index', () => {
    state.applyMarker(marker(4, 1, 1n));
    state.applyMarker(marker(4, 1, 2n));
    expect(state.markers).toEqual([marker(4, 1, 2n)]);
  });

  it('is valid from the start of the log to the commit index', () => {
    for (const index of [2, 4, 8]) state.applyMarker(marker(index));
    const valid = () => state.validMarkers().map(({ index }) => index);
    expect(valid()).toEqual([2, 4, 8]);
    state.hardState = { ...state.hardState, commit: 7 };
    expect(valid()).toEqual([2, 4]);
    state.applyPurge(4);
    expect(valid()).toEqual([4]);
    expect(markers()).toEqual([4, 8]);
    state.applyPurge(5);
    expect(valid()).toEqual([]);
  });
});

it('restored markers below the start of the log are not valid', () => {
  const loaded = new LogState(new TermIndex(5, 1), state.hardState, [marker(3), marker(5)]);
  expect(loaded.validMarkers()).toEqual([marker(5)]);
});

it('a repeated purge changes nothing', () => {
  state.applyMarker(marker(3));
  state.applyPurge(3);
  state.applyPurge(2);
  expect([state.baseIndex, markers()]).toEqual([3, [3]]);
});
