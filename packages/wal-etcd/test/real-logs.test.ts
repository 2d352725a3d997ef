/**
 * Logs of real etcd servers, opened with `EtcdWalManager`: of killed servers, with torn ends,
 * purged, restored, and of a member that was added later. The content of the storage is compared
 * with etcd's own answers for the same files and, from the start of the storage on, with `inspect`.
 * Missing fixtures are reported as in `fixtures.test.ts`.
 */
import { createHash, type Hash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { emptyConfState, type SnapshotMetadata } from '@babuza/raftpb';
import type { EntryStorage, OpenedWal } from '@babuza/wal-core';
import { EtcdWalManager } from '../src/index.ts';
import { findSnapshots, readWal, type EtcdEntry, type ReadAllResult } from '../src/inspect.ts';
import { filesOfFolder, readArchive } from './support/archive.ts';
import { digestOfEntries, Expectation } from './support/expected.ts';
import type { ExpectedLine } from './support/expected.ts';
import {
  expectedFile,
  fixtureFolder,
  readIndex,
  readLines,
  type Fixture,
} from './support/fixture-set.ts';
import { WorkingCopy } from './support/working-copy.ts';

const fixtures = readIndex('index-real.json');
const areRequired = process.env['CI'] === 'true' || process.env['BABUZA_REQUIRE_FIXTURES'] === '1';

/** Bytes that are read from a storage at a time. */
const pieceBytes: number = 4 * 1024 * 1024;

const seen = { logs: 0, entries: 0, answers: 0, indexBytes: 0 };

/** Reads all entries. */
function entriesOf(storage: EntryStorage): EtcdEntry[] {
  const entries: EtcdEntry[] = [];
  const end = storage.lastIndex() + 1;
  for (let index = storage.firstIndex(); index < end;) {
    const piece = storage.entries(index, end, pieceBytes);
    for (const { type, term, index: at, data } of piece) {
      entries.push({ type, term: BigInt(term), index: BigInt(at), data });
    }
    index += piece.length;
  }
  return entries;
}

function above(entries: readonly EtcdEntry[], index: bigint): readonly EtcdEntry[] {
  return entries.filter((entry) => entry.index > index);
}

/** A hash over all fields of the entries. Absent and empty data differ. */
function fingerprint(entries: Iterable<EtcdEntry>): {
  readonly count: number;
  readonly sha256: string;
} {
  const hash: Hash = createHash('sha256');
  let count = 0;
  for (const { type, term, index, data } of entries) {
    count += 1;
    hash.update(`${type} ${term} ${index} ${data?.length ?? 'nil'} `);
    if (data !== undefined) hash.update(data);
  }
  return { count, sha256: hash.digest('hex') };
}

function asPosition(snapshot: SnapshotMetadata | undefined): { index: bigint; term: bigint } {
  return { index: BigInt(snapshot?.index ?? 0), term: BigInt(snapshot?.term ?? 0) };
}

/** etcd's answers when it opened the same files, for each snapshot that the fixture uses. */
function compareWithEtcd(
  fixture: Fixture,
  { storage, hardState }: OpenedWal,
  entries: readonly EtcdEntry[],
): void {
  for (const { expected } of [fixture, ...(fixture.at ?? [])]) {
    const said = new Expectation(readLines<ExpectedLine>(expectedFile(expected)));
    const line = said.readAll('read');
    if (line === undefined || line.error !== null) continue;
    const snapshot = said.all('dump')[0]?.snap ?? { index: '0', term: '0' };
    // A log starts after the last installed snapshot: earlier entries are dropped.
    if (Number(snapshot.index) + 1 < storage.firstIndex()) continue;
    const chosen = above(entries, BigInt(snapshot.index));
    expect(chosen.length, `at ${snapshot.index}`).toBe(line.entries);
    expect(digestOfEntries(chosen), `at ${snapshot.index}`).toBe(line.entriesSha256);
    for (const { term, vote, commit } of said.all('hardstate')) {
      expect(hardState).toEqual({ term: Number(term), vote: BigInt(vote), commit: Number(commit) });
    }
    seen.answers += 1;
  }
}

/** Checks the snapshots that etcd could start from, except index 0. */
async function compareSnapshots(
  fixture: Fixture,
  copy: WorkingCopy,
  listed: readonly SnapshotMetadata[],
): Promise<void> {
  const said = new Expectation(readLines<ExpectedLine>(expectedFile(fixture.expected)));
  const lines = said.all('valid-snapshots')[0]?.snapshots ?? [];
  expect(listed.map(({ index, term }) => `${index}/${term}`)).toEqual(
    lines.map(({ index, term }) => `${index}/${term}`).filter((place) => !place.startsWith('0/')),
  );
  const inspected = (await findSnapshots(copy.directory)).filter(({ index }) => index > 0n);
  expect(listed).toEqual(
    inspected.map(({ index, term, confState = emptyConfState }) => ({
      index: Number(index),
      term: Number(term),
      confState,
    })),
  );
}

/** Opens the log with `EtcdWalManager`, and checks that it has what `inspect` read before. */
async function compareReplay(fixture: Fixture, copy: WorkingCopy): Promise<void> {
  const manager = new EtcdWalManager(copy.directory);
  try {
    const listed = await manager.findSnapshots();
    await compareSnapshots(fixture, copy, listed);
    const start = asPosition(listed.at(-1));
    const before: ReadAllResult = await readWal(copy.directory, start);
    expect(copy.states(), 'looking changes nothing').toEqual(
      copy.originalStates().filter(({ name }) => !name.endsWith('.tmp')),
    );

    const opened = await manager.replayWal();
    const { storage, hardState, snapshots, wal } = opened;
    expect(snapshots).toEqual(listed);
    if (start.index > 0n) expect(asPosition(storage.snapshot().metadata)).toEqual(start);
    const entries = entriesOf(storage);
    expect(fingerprint(above(entries, start.index))).toEqual(fingerprint(before.entries));
    const { term, vote, commit } = before.hardState;
    expect(hardState).toEqual({ term: Number(term), vote, commit: Number(commit) });
    compareWithEtcd(fixture, opened, entries);

    // If a log does not start at index 1, the term before it must be known, because Raft asks for
    // it.
    const first = storage.firstIndex();
    if (first > 1) expect(storage.term(first - 1)).toBeGreaterThan(0);

    const count = entries.length;
    const { indexBytes, cacheBytes } = wal.stats;
    // The index takes 4 bytes an entry, plus a partly used page per segment and the runs of terms.
    expect(indexBytes).toBeLessThanOrEqual(4 * count + 16 * 1024);
    expect(cacheBytes).toBeLessThanOrEqual(1024 * 1024);
    seen.logs += 1;
    seen.entries += count;
    seen.indexBytes += indexBytes;
    await appendAndCompare(copy, manager, opened, before);
  } finally {
    await manager.close();
  }
}

/**
 * Appends an entry, closes and opens the log again. Nothing else may have changed, for `inspect`
 * too.
 */
async function appendAndCompare(
  copy: WorkingCopy,
  manager: EtcdWalManager,
  { storage, wal, tail, snapshots }: OpenedWal,
  before: ReadAllResult,
): Promise<void> {
  const firstIndex = storage.firstIndex();
  const index = storage.lastIndex() + 1;
  const term = storage.term(index - 1);
  const added: EtcdEntry = {
    type: 0,
    term: BigInt(term),
    index: BigInt(index),
    data: Buffer.from('one more'),
  };
  await wal.save({ entries: [{ type: 0, term, index, data: added.data }] });
  await manager.close();
  const isBroken = readdirSync(copy.directory).some((name) => name.endsWith('.broken'));
  if (tail.verdict !== 'clean') expect(isBroken, 'the cut end is kept').toBe(true);
  const after = await readWal(copy.directory, asPosition(snapshots.at(-1)));
  expect(fingerprint(after.entries)).toEqual(fingerprint([...before.entries, added]));

  const again = new EtcdWalManager(copy.directory);
  const reopened = await again.replayWal();
  expect(reopened.tail.verdict).toBe('clean');
  expect(reopened.storage.lastIndex()).toBe(index);
  expect(reopened.storage.firstIndex()).toBe(firstIndex);
  await again.close();
}

if (fixtures === undefined) {
  it('logs of real etcd servers', () => {
    console.error(`\n*** not run: logs of real etcd servers: there are none in ${fixtureFolder}\n`);
    expect(areRequired, 'the fixtures are required, and missing').toBe(false);
  });
} else {
  describe('the log of a real server, opened with EtcdWalManager', () => {
    for (const fixture of fixtures) {
      it(`${fixture.name}: ${fixture.about}`, async () => {
        const archive = readArchive(`${fixtureFolder}/${fixture.archive}`);
        const copy = new WorkingCopy(filesOfFolder(archive, `${fixture.name}/wal`));
        try {
          await compareReplay(fixture, copy);
        } finally {
          copy.remove();
        }
      });
    }
  });

  afterAll(() => {
    const { logs, entries, answers, indexBytes } = seen;
    console.log(
      `logs of real servers: ${logs} replayed, ${entries} entries, ${answers} answers of etcd, ${(indexBytes / entries).toFixed(1)} bytes of index an entry`,
    );
  });
}
