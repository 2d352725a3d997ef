import { describe, expect, it } from 'vitest';
import { compareWithPieces, Ledger } from '../src/log-story/ledger.ts';
import type { ListedEntry } from '../src/log-story/protocol.ts';

function entry(index: number, changes: Partial<ListedEntry> = {}): ListedEntry {
  const common = { term: 1, chunk: 0, chunks: 1, bytes: 3 };
  return { index, path: `file ${index}`, sha256: `sha ${index}`, ...common, ...changes };
}

function ledgerOf(...indexes: number[]): Ledger {
  const ledger = new Ledger();
  for (const index of indexes) ledger.acknowledge(entry(index));
  return ledger;
}

/** What a ledger of entries 1 and 2 says to a log with these. */
function problemsOfTwo(...entries: ListedEntry[]): readonly string[] {
  return ledgerOf(1, 2).compare(entries, 1).problems;
}

function sha256Of({ path }: { path: string }): string {
  return path.replace('file', 'sha');
}

describe('the ledger', () => {
  it('finds everything that is there, in whatever order it was acknowledged', () => {
    const ledger = ledgerOf(2, 1, 3);
    const { found, acknowledged, problems } = ledger.compare([entry(1), entry(2), entry(3)], 1);
    expect([found, acknowledged, problems]).toEqual([3, 3, []]);
    expect(ledger.contentBytes).toBe(9);
  });

  it('notices what is lost, changed, swapped or in the wrong place', () => {
    expect(problemsOfTwo(entry(1))).toEqual(['acknowledged entry 2 is lost']);
    expect(problemsOfTwo(entry(1), entry(2, { sha256: 'other' }))).toHaveLength(1);
    expect(problemsOfTwo(entry(1), entry(2, { path: 'other' }))).toHaveLength(1);
    expect(problemsOfTwo(entry(1), entry(2, { chunks: 2 }))).toHaveLength(1);
    expect(problemsOfTwo(entry(2), entry(1))).toHaveLength(2);
    expect(problemsOfTwo(entry(1), entry(2), entry(4))).toEqual(['entry 4 stands where 3 is due']);
  });

  it('does not ask for what was purged', () => {
    const { acknowledged, found, problems } = ledgerOf(1, 2, 3).compare([entry(3)], 3);
    expect([acknowledged, found, problems]).toEqual([1, 1, []]);
  });

  it('holds on to what a recovery gave back', () => {
    const ledger = ledgerOf(1);
    expect(ledger.adopt([entry(1), entry(2)])).toBe(1);
    expect(ledger.compare([entry(1)], 1).problems).toEqual(['acknowledged entry 2 is lost']);
  });
});

describe('comparing with the documents', () => {
  const pieces = [1, 2].map((index) => ({ ...entry(index), offset: 0 }));
  const problemsOf = (...entries: ListedEntry[]): string[] =>
    compareWithPieces(entries, pieces, sha256Of);

  it('wants each of them once, and nothing else', () => {
    expect(problemsOf(entry(2), entry(1))).toEqual([]);
    expect(problemsOf(entry(1))).toEqual(['file 2 is not in the log']);
    expect(problemsOf(entry(1), entry(2), entry(1))).toEqual(['file 1 is in the log twice']);
    expect(problemsOf(entry(1), entry(2, { sha256: 'x' }))).toEqual([
      'file 2 differs from the file',
    ]);
    expect(problemsOf(entry(1), entry(2), entry(3))).toEqual([
      'file 3 is in the log, but none of the documents',
    ]);
  });
});
