/**
 * Logs that no correct writer can have left, although all of their checksums and digests fit: an
 * older version of a value under its own key, or what a faulty writer leaves. Opening reports each
 * with its verdict.
 */
import { describe, expect, it } from 'vitest';
import type { Entry, HardState, SnapshotMetadata } from '@babuza/raftpb';
import { encodeEntries } from '../src/entry-encoding.ts';
import { GroupKeys } from '../src/keys.ts';
import { markersDigestOf, withTermRun, type TermRun } from '../src/log-digest.ts';
import {
  checksumOf,
  encodeHeader,
  encodeMarker,
  encodeState,
  encodeTermRun,
} from '../src/values.ts';
import type { LevelOperation, LevelWalOptions } from '../src/index.ts';
import { hex, storeWith, resealed } from './hostile-store.ts';
import { contentOf, entries, entry, marker } from './samples.ts';

/** The content of a log for these tests. The digests always fit it. */
interface Crafted {
  readonly start: TermRun;
  readonly lastIndex: number;
  readonly hardState: HardState;
  readonly runs: readonly TermRun[];
  /** By the index in the key. */
  readonly markers: readonly (readonly [number, SnapshotMetadata])[];
  readonly entries: readonly Entry[];
  /** Every header here has a version with batch numbers. */
  readonly batch: number | undefined;
}

const good: Crafted = {
  start: { index: 2, term: 1 },
  lastIndex: 6,
  hardState: { term: 4, vote: 1n, commit: 5 },
  runs: [
    { index: 4, term: 2 },
    { index: 6, term: 4 },
  ],
  markers: [[4, marker(4, 2)]],
  entries: [entry(3, 1), ...entries(4, 5, 2), entry(6, 4)],
  batch: 9,
};

const keys = new GroupKeys(0n);

function craft(log: Crafted): Map<string, Uint8Array> {
  const content = new Map<string, Uint8Array>();
  const put = (key: Uint8Array, value: Uint8Array): void => {
    content.set(hex(key), value);
  };
  const metadata = { clusterId: 1n, nodeId: 1n, entryBytesMax: 4096 };
  put(keys.header, encodeHeader(keys.header, metadata));
  let termsDigest = 0;
  for (const run of log.runs) {
    const key = keys.termRun(run.index);
    put(key, encodeTermRun(key, run.term));
    termsDigest = withTermRun(termsDigest, run);
  }
  const checksums = new Map<number, number>();
  for (const [index, snapshot] of log.markers) {
    const key = keys.marker(index);
    const value = encodeMarker(key, snapshot);
    put(key, value);
    checksums.set(index, checksumOf(value));
  }
  for (const one of log.entries) {
    const operations: LevelOperation[] = [];
    encodeEntries(keys, [one], operations);
    for (const operation of operations)
      if (operation.type === 'put') put(operation.key, operation.value);
  }
  const state = {
    startIndex: log.start.index,
    startTerm: log.start.term,
    lastIndex: log.lastIndex,
    hardState: log.hardState,
    termsDigest,
    markersDigest: markersDigestOf(checksums),
    batch: log.batch,
  };
  put(keys.state, encodeState(keys.state, state));
  return content;
}

async function verdict(
  content: ReadonlyMap<string, Uint8Array>,
  options?: LevelWalOptions,
): Promise<unknown> {
  const manager = (await storeWith(content)).manager(options);
  try {
    return contentOf(await manager.replayWal()).split('\n', 1)[0];
  } catch (error) {
    if (error instanceof Error && 'verdict' in error) return error.verdict;
    throw error;
  } finally {
    await manager.close();
  }
}

const hardState = good.hardState;

const contradictions: [string, Partial<Crafted>, string][] = [
  ['the commit index is above the last entry', { hardState: { ...hardState, commit: 7 } }, 'state'],
  ['the commit index is below the start', { hardState: { ...hardState, commit: 1 } }, 'state'],
  ['the state record is of another version', { batch: undefined }, 'state'],
  ['the log ends before it starts', { start: { index: 7, term: 4 }, runs: [] }, 'state'],
  ['a term begins at the start', { runs: [{ index: 2, term: 2 }] }, 'terms'],
  ['a term begins behind the end', { runs: [...good.runs, { index: 7, term: 5 }] }, 'terms'],
  ['a term begins that is that of the start', { runs: [{ index: 4, term: 1 }] }, 'terms'],
  [
    'terms go down',
    {
      runs: [
        { index: 4, term: 4 },
        { index: 6, term: 3 },
      ],
    },
    'terms',
  ],
  ['a marker is under another index', { markers: [[5, marker(4, 2)]] }, 'damaged-record'],
  ['a marker has another term than the entry', { markers: [[4, marker(4, 1)]] }, 'markers'],
  ['a marker lies behind the log', { markers: [[9, marker(9, 4)]] }, 'markers'],
  ['a marker lies before the log', { markers: [[1, marker(1, 1)]] }, 'markers'],
  ['an entry behind the end', { entries: [...good.entries, entry(7, 4)] }, 'stale-entry'],
  ['the last entry is missing', { entries: good.entries.slice(0, -1) }, 'missing-entry'],
  ['all entries are missing', { entries: [] }, 'missing-entry'],
  [
    'an entry is missing, and there is one behind the end',
    { entries: [...good.entries.slice(0, -1), entry(7, 4)] },
    'missing-entry',
  ],
];

describe('a log that contradicts itself', () => {
  it('opens without contradictions when it is built in this way', async () => {
    expect(await verdict(craft(good))).toBe('3 to 6 behind term 1');
    expect(await verdict(craft(good), { verifyOnOpen: true })).toBe('3 to 6 behind term 1');
  });

  for (const [name, wrong, expected] of contradictions) {
    it(name, async () => {
      expect(await verdict(craft({ ...good, ...wrong }))).toBe(expected);
    });
  }

  it('is refused for an older version of an entry with a valid checksum', async () => {
    const content = craft({
      ...good,
      entries: [entry(3, 1), entry(4, 1), ...good.entries.slice(2)],
    });
    expect(await verdict(content)).toBe('damaged-entry');
    expect(await verdict(content, { verifyOnOpen: true })).toBe('damaged-record');
  });

  it('is refused for a value with the index of another entry', async () => {
    const content = craft(good);
    const key = keys.entry(5);
    const value = new Uint8Array(content.get(hex(key)) ?? []);
    value[11] = 4;
    content.set(hex(key), resealed(key, value));
    expect(await verdict(content)).toBe('damaged-entry');
  });

  it('is refused for unknown flags of an entry', async () => {
    for (const flags of [0b011, 0b111, 0b1100, 0b1000_0000]) {
      const content = craft(good);
      const key = keys.entry(5);
      const value = new Uint8Array(content.get(hex(key)) ?? []);
      value[20] = flags;
      content.set(hex(key), resealed(key, value));
      expect(await verdict(content), `flags ${flags}`).toBe('damaged-entry');
    }
  });
});
