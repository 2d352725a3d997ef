/** The batch of a group: its size, its operations, and the plans that it refuses. */
import { describe, expect, it } from 'vitest';
import { emptyPlan, LogState, TermIndex, type SavePlan } from '@babuza/wal-core/backend';
import { GroupBatch, stateRecordOf, type FinishedBatch } from '../src/batches.ts';
import { KeyKind, GroupKeys, parseKey } from '../src/keys.ts';
import { emptyLogDigest, termsDigestOf } from '../src/log-digest.ts';
import { decodeState } from '../src/values.ts';
import { entries, entry, marker } from './samples.ts';

const keys = new GroupKeys(5n);

/** A log with the entries 1 to 6 of term 1, of which 2 are committed. */
function sixEntries(): LogState<TermIndex> {
  const index = new TermIndex();
  for (let at = 1; at <= 6; at += 1) index.append(at, 1);
  return new LogState(index, { term: 1, vote: 0n, commit: 2 });
}

function batchOf(state: LogState<TermIndex>, ...plans: Partial<SavePlan>[]): FinishedBatch {
  const logDigest = { ...emptyLogDigest, termsDigest: termsDigestOf(state.index) };
  const batch = new GroupBatch(keys, state, logDigest);
  for (const plan of plans) batch.add({ ...emptyPlan, ...plan });
  return batch.finish();
}

/** The indexes of the entries that a batch deletes and puts. */
function entriesOf({ operations }: FinishedBatch): string[] {
  return operations.flatMap(({ type, key }) => {
    const parsed = parseKey(key);
    return parsed?.kind === KeyKind.Entry ? [`${type} ${parsed.index}`] : [];
  });
}

const shapes: readonly (readonly [string, readonly Partial<SavePlan>[]])[] = [
  ['nothing but the state', []],
  [
    'entries with payloads and without',
    [{ entries: [entry(7, 1, 100), { ...entry(8, 2), data: undefined }] }],
  ],
  ['a conflict', [{ truncateFrom: 4, entries: entries(4, 5, 2) }]],
  ['a marker', [{ marker: marker(2, 1) }]],
  ['a reset with entries', [{ marker: marker(4, 3), resets: true, entries: entries(5, 5, 3) }]],
  ['a purge', [{ purgeTo: { index: 2, term: 1 } }]],
  ['several plans', [{ entries: entries(7, 7, 1) }, { truncateFrom: 5 }, { marker: marker(2, 1) }]],
];

describe('a batch', () => {
  it.each(shapes)('counts the bytes of all its keys and values: %s', (_, plans) => {
    const { operations, bytes } = batchOf(sixEntries(), ...plans);
    const sum = operations.reduce(
      (before, operation) =>
        before + operation.key.length + (operation.type === 'put' ? operation.value.length : 0),
      0,
    );
    expect(bytes).toBe(sum);
  });

  it('deletes exactly the entries that it drops and does not put again', () => {
    const state = sixEntries();
    expect(entriesOf(batchOf(state, { truncateFrom: 4 }))).toEqual(['del 4', 'del 5', 'del 6']);
    expect(entriesOf(batchOf(state, { truncateFrom: 6 }))).toEqual(['del 6']);
    expect(entriesOf(batchOf(state, { truncateFrom: 4, entries: entries(4, 5, 2) }))).toEqual([
      'del 6',
      'put 4',
      'put 5',
    ]);
    const longer = { truncateFrom: 6, entries: entries(6, 7, 2) };
    expect(entriesOf(batchOf(state, longer))).toEqual(['put 6', 'put 7']);
    const reset = { marker: marker(4, 3), resets: true };
    expect(entriesOf(batchOf(state, reset))).toEqual(['del 5', 'del 6']);
  });

  it('says whether it replaces entries, and what a reset leaves below the start', () => {
    const saysOf = (...plans: Partial<SavePlan>[]): unknown[] => {
      const { replaces, resetTo } = batchOf(sixEntries(), ...plans);
      return [replaces, resetTo];
    };
    expect(saysOf({ entries: entries(7, 8, 1) })).toEqual([false, undefined]);
    expect(saysOf({ marker: marker(2, 1) })).toEqual([false, undefined]);
    expect(saysOf({ purgeTo: { index: 2, term: 1 } })).toEqual([false, undefined]);
    expect(saysOf({ truncateFrom: 6 })).toEqual([true, undefined]);
    expect(saysOf({ marker: marker(4, 3), resets: true })).toEqual([true, 4]);
  });

  it.each([false, true])('refuses a plan that is wrong about its marker: %s', (resets) => {
    const matching = marker(2, 1);
    const other = marker(4, 3);
    const plan = { marker: resets ? matching : other, resets };
    expect(() => batchOf(sixEntries(), plan)).toThrow(
      'a plan says whether its marker resets the log',
    );
  });

  it('ends with a state record of the resulting log, and does not change the log before it', () => {
    const state = sixEntries();
    const before = stateRecordOf(state, emptyLogDigest);
    const hardState = { term: 2, vote: 9n, commit: 3 };
    const plan = { truncateFrom: 4, entries: entries(4, 5, 2), hardState };
    const { operations, logDigest } = batchOf(state, plan);
    const last = operations.at(-1);
    if (last?.type !== 'put') throw new Error('the state record is put');
    expect(last.key).toEqual(keys.state);
    const after = sixEntries();
    after.index.truncateFrom(4);
    for (const at of [4, 5]) after.index.append(at, 2);
    expect(decodeState(last.key, last.value)).toMatchObject({
      startIndex: 0,
      startTerm: 0,
      lastIndex: 5,
      termsDigest: termsDigestOf(after.index),
      hardState,
      batch: emptyLogDigest.batch + 1,
    });
    expect(logDigest.batch).toBe(emptyLogDigest.batch + 1);
    expect(stateRecordOf(state, emptyLogDigest)).toEqual(before);
  });
});
