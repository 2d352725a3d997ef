/**
 * The rules of `MemoryStorage`. The cases are those of etcd-io/raft `storage_test.go`, and more.
 */

import { emptyConfState, emptyHardState, type Snapshot } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import { MemoryStorage } from '../src/index.ts';
import { codeOf, entriesOf, textOf } from './support.ts';

/** A storage from a text. For `3:3,4,5`, the last compacted entry is index 3 of term 3. */
function storageFrom(text: string): MemoryStorage {
  const [base, ...entries] = entriesOf(text);
  const storage = new MemoryStorage();
  const { index, term } = base ?? { index: 0, term: 0 };
  storage.applySnapshot({ metadata: { confState: emptyConfState, index, term } });
  storage.append(entries);
  return storage;
}

function contentOf(storage: MemoryStorage): string {
  const first = storage.firstIndex();
  const terms = [];
  for (let index = first - 1; index <= storage.lastIndex(); index += 1) {
    terms.push(storage.term(index));
  }
  return `${first - 1}:${terms.join(',')}`;
}

describe('MemoryStorage', () => {
  it('is empty at first', () => {
    const storage = new MemoryStorage();
    expect([storage.firstIndex(), storage.lastIndex(), storage.term(0)]).toEqual([1, 0, 0]);
    expect(storage.initialState()).toEqual({
      hardState: emptyHardState,
      confState: emptyConfState,
    });
    expect(codeOf(() => storage.entries(1, 2, Infinity))).toBe('WAL_UNAVAILABLE');
    expect(codeOf(() => storage.snapshot())).toBe('WAL_SNAPSHOT_UNAVAILABLE');
  });

  it.each([
    [2, 'WAL_COMPACTED'],
    [3, 3],
    [4, 4],
    [5, 5],
    [6, 'WAL_UNAVAILABLE'],
  ])('the term at %i of 3:3,4,5 is %s', (index, expected) => {
    const storage = storageFrom('3:3,4,5');
    if (typeof expected === 'number') expect(storage.term(index)).toBe(expected);
    else expect(codeOf(() => storage.term(index))).toBe(expected);
  });

  it.each([
    [3, 5, Infinity, 'WAL_COMPACTED'],
    [2, 6, Infinity, 'WAL_COMPACTED'],
    [4, 5, Infinity, '4:4'],
    [4, 6, Infinity, '4:4,5'],
    [4, 7, Infinity, '4:4,5,6'],
    [4, 8, Infinity, 'WAL_UNAVAILABLE'],
    // One entry is always returned; each has four bytes.
    [4, 7, 0, '4:4'],
    [4, 7, 8, '4:4,5'],
    [4, 7, 11, '4:4,5'],
    [4, 7, 12, '4:4,5,6'],
  ])('entries [%i, %i) of 3:3,4,5,6 within %d bytes: %s', (lo, hi, bytesMax, expected) => {
    const storage = storageFrom('3:3,4,5,6');
    if (expected.startsWith('WAL')) {
      expect(codeOf(() => storage.entries(lo, hi, bytesMax))).toBe(expected);
    } else expect(textOf(storage.entries(lo, hi, bytesMax))).toBe(expected);
  });

  it.each([
    ['1:1,2', '3:3,4,5'],
    ['3:3,4,5', '3:3,4,5'],
    ['3:3,6,6', '3:3,6,6'],
    ['3:3,4,5,5', '3:3,4,5,5'],
    ['2:3,3,5', '3:3,5'],
    ['4:5', '3:3,5'],
    ['6:5', '3:3,4,5,5'],
    ['', '3:3,4,5'],
  ])('3:3,4,5 + %s → %s', (added, expected) => {
    const storage = storageFrom('3:3,4,5');
    storage.append(entriesOf(added));
    expect(contentOf(storage)).toBe(expected);
  });

  it('entries that leave a gap are rejected', () => {
    expect(() => storageFrom('3:3,4,5').append(entriesOf('7:5'))).toThrow(
      'missing log entry [last: 5, append at: 7]',
    );
  });

  it.each([
    [2, 'WAL_COMPACTED'],
    [3, 'WAL_COMPACTED'],
    [4, '4:4,5'],
    [5, '5:5'],
    [6, 'RAFT_CORE_PANIC'],
  ])('compacting 3:3,4,5 up to %i: %s', (index, expected) => {
    const storage = storageFrom('3:3,4,5');
    const code = codeOf(() => storage.compact(index));
    expect(code ?? contentOf(storage)).toBe(expected);
  });

  it('returned arrays do not change', () => {
    const storage = storageFrom('3:3,4,5');
    const before = storage.entries(4, 6, Infinity);
    storage.append(entriesOf('4:9'));
    storage.compact(4);
    expect(textOf(before)).toBe('4:4,5');
    before.push(...entriesOf('6:6'));
    expect(storage.lastIndex()).toBe(4);
  });

  it('createSnapshot keeps the entries, and the membership unless one is given', () => {
    const storage = storageFrom('3:3,4,5');
    const confState = { ...emptyConfState, voters: [1n] };
    const data = new Uint8Array([1]);
    expect(storage.createSnapshot(4, confState, data)).toEqual({
      data,
      metadata: { confState, index: 4, term: 4 },
    });
    expect(storage.createSnapshot(5).metadata).toEqual({ confState, index: 5, term: 5 });
    expect(storage.snapshot().metadata.index).toBe(5);
    expect(contentOf(storage)).toBe('3:3,4,5');
    expect(codeOf(() => storage.createSnapshot(5))).toBe('WAL_SNAPSHOT_OUT_OF_DATE');
    expect(() => storage.createSnapshot(6)).toThrow('snapshot 6 is out of bound lastindex(5)');
  });

  it('applySnapshot replaces the log, and rejects a snapshot that is not newer', () => {
    const storage = storageFrom('3:3,4,5');
    const snapshotAt = (index: number): Snapshot => ({
      metadata: { confState: emptyConfState, index, term: index },
    });
    storage.applySnapshot(snapshotAt(4));
    expect(contentOf(storage)).toBe('4:4');
    expect(codeOf(() => storage.applySnapshot(snapshotAt(4)))).toBe('WAL_SNAPSHOT_OUT_OF_DATE');
    expect(codeOf(() => storage.applySnapshot(snapshotAt(3)))).toBe('WAL_SNAPSHOT_OUT_OF_DATE');
    expect(contentOf(storage)).toBe('4:4');
  });

  it('setHardState stores the hard state', () => {
    const storage = new MemoryStorage();
    storage.setHardState({ term: 1, vote: 2n, commit: 3 });
    expect(storage.initialState().hardState).toEqual({ term: 1, vote: 2n, commit: 3 });
  });
});
