/** Compares this package with etcd's answers about one fixture. */
import fs from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { decodeSnapshot } from '@babuza/raftpb';
import { Reader, bytesTag, varintTag } from '@babuza/raftpb/wire';
import { crc32c, RawWal, repair, type EtcdSnapshot, type RawWalOptions } from '../../src/format.ts';
import { findSnapshots, readWal, verify, type SnapshotPosition } from '../../src/inspect.ts';
import {
  describeEntry,
  describeEntryLine,
  digestOfEntries,
  expectError,
  expectHardState,
  expectReading,
  expectSnapshots,
  nothingRead,
  type AppendLine,
  type Expectation,
  type Reading,
  type RecordLine,
} from './expected.ts';
import { readLines, type Fixture } from './fixture-set.ts';
import { forge, type ForgeLine } from './forge.ts';
import { performSpec, type SpecLine } from './perform-spec.ts';
import { recordsIn } from './records.ts';
import { scratchRoot, type WorkingCopy } from './working-copy.ts';

type Files = ReadonlyMap<string, Uint8Array>;

/** The limit is that of etcd 3.4, which nevertheless wrote larger records. */
const recordBytesLimit: number = 2 ** 30;

/** Writes and damages the fixture, and checks the result against the files of the archive. */
export async function reproduce(fixture: Fixture, archived: Files): Promise<void> {
  const files =
    fixture.spec === undefined
      ? new Map<string, Uint8Array>()
      : await written(readLines<SpecLine>(fixture.spec), {
          recordBytesLimit,
          omitsNormalType: omitsNormalType(fixture.writer),
        });
  if (fixture.forge !== undefined) forge(files, readLines<ForgeLine>(fixture.forge));
  const isCompared = (name: string): boolean => !name.endsWith('.tmp');
  expect([...files.keys()].filter(isCompared).sort()).toEqual(
    [...archived.keys()].filter(isCompared).sort(),
  );
  for (const [name, bytes] of files) {
    if (!isCompared(name)) continue;
    const theirs = archived.get(name) ?? new Uint8Array(0);
    expect(firstDifference(bytes, theirs), `${name}: first byte that differs`).toBeUndefined();
  }
}

/** Returns the files that a specification leaves, whether it closes the log or not. */
async function written(
  lines: readonly SpecLine[],
  options: RawWalOptions,
): Promise<Map<string, Uint8Array>> {
  const root = fs.mkdtempSync(join(scratchRoot, 'babuza-etcd-'));
  try {
    const directory = join(root, 'wal');
    const open = await performSpec(directory, lines, options);
    const files = new Map<string, Uint8Array>();
    for (const name of fs.readdirSync(directory)) {
      if (name.startsWith('LOCK')) continue;
      const { buffer, byteOffset, length } = fs.readFileSync(join(directory, name));
      // A `Buffer` must not be used here, because its `slice` does not copy.
      files.set(name, new Uint8Array(buffer, byteOffset, length));
    }
    await open?.close();
    return files;
  } finally {
    fs.rmSync(root, { recursive: true });
  }
}

function firstDifference(ours: Uint8Array, theirs: Uint8Array): number | undefined {
  if (Buffer.compare(ours, theirs) === 0) return undefined;
  const at = ours.findIndex((byte, index) => byte !== theirs[index]);
  return at === -1 ? ours.length : at;
}

/** Only etcd 3.7 and later omit the type of normal entries. */
function omitsNormalType(version: string | undefined): boolean {
  return version !== undefined && /\bmain\b|\b3\.(?:[7-9]|\d\d)\b/.test(version);
}

/** The inputs of a comparison: a log, the snapshot at which it is opened, and etcd's answers. */
interface Case {
  readonly fixture: Fixture;
  readonly copy: WorkingCopy;
  readonly at: SnapshotPosition;
  readonly expected: Expectation;
}

/**
 * Reads, opens, appends to and repairs the files, and checks the results against etcd's answers for
 * a snapshot.
 */
export async function compare(
  fixture: Fixture,
  copy: WorkingCopy,
  archived: Files,
  expected: Expectation,
): Promise<void> {
  const snap = expected.all('dump')[0]?.snap ?? { index: '0', term: '0' };
  const at = { index: BigInt(snap.index), term: BigInt(snap.term) };
  const compared: Case = { fixture, copy, at, expected };
  copy.reset();
  compareFiles(copy, expected);
  compareRecords(archived, expected.all('record'));
  const reading = await compareReading(compared);
  const failed = await compareWriting(compared, reading);
  const line = expected.all('repair')[0];
  if (line === undefined) return;
  copy.reset();
  expect(failed, 'opening for writing fails').toBe(line.needed);
  expect(await repair(copy.directory), 'repair').toBe(line.ok);
  expect(copy.states(), 'files after repair').toEqual(expected.filesAfter('repair'));
  if (expected.open('write-after-repair') === undefined) return;
  await compareOpened(compared, '-after-repair');
}

function compareFiles(copy: WorkingCopy, expected: Expectation): void {
  const lines = expected.all('file');
  const states = copy.originalStates();
  expect(states.map(({ name, size }) => ({ name, size }))).toEqual(
    lines.map(({ name, size }) => ({ name, size })),
  );
  for (const [index, { sha256, name }] of lines.entries()) {
    if (sha256 !== undefined) expect(states[index]?.sha256, name).toBe(sha256);
  }
}

function compareRecords(archived: Files, lines: readonly RecordLine[]): void {
  const segments = [...new Set(lines.map(({ seg }) => seg))];
  const ours = segments.flatMap((seg) =>
    recordsIn(archived.get(seg) ?? new Uint8Array(0)).map((record, n): RecordLine => {
      const { offset: off, recordBytes: len, padding: pad, type, crc } = record;
      const place = { t: 'record' as const, seg, n, off, len, pad };
      if (record.isBad) return { ...place, bad: '' };
      const dataLen = record.hasData ? { dataLen: record.dataEnd - record.dataStart } : {};
      return { ...place, type, crc, ...dataLen };
    }),
  );
  // The wording of etcd's errors is not compared.
  expect(ours).toEqual(lines.map((line) => (line.bad === undefined ? line : { ...line, bad: '' })));
}

async function compareReading({ copy, at, expected }: Case): Promise<Reading> {
  const { directory } = copy;
  const reading = await readingOf(() => readWal(directory, at));
  const opened = expected.open('read');
  if (opened !== undefined && opened.error !== null) {
    expectError(reading.error, opened.error, 'opening for reading');
  }
  const line = expected.readAll('read');
  if (line !== undefined) expectReading(reading, line, 'reading');
  compareContents(reading, expected);

  const snapshots = expected.all('valid-snapshots')[0];
  if (snapshots !== undefined) {
    const { value, error } = await snapshotsOf(copy);
    expectError(error, snapshots.error, 'valid snapshots');
    expectSnapshots(value ?? [], snapshots.snapshots, expected.version);
  }
  const verified = expected.all('verify')[0];
  if (verified !== undefined) {
    const { value, error } = await settled(() => verify(directory, at));
    expectError(error, verified.error, 'verify');
    // `verify` does not check gaps between entries: it continues where reading ends.
    const hardState = line?.error === null ? expected.all('hardstate')[0] : undefined;
    if (value !== undefined && hardState !== undefined) {
      expectHardState(value, hardState, 'verify');
    }
  }
  expect(copy.states(), 'files after reading').toEqual(withoutTemporary(copy));
  return reading;
}

type Settled<Value> = { readonly value: Value | undefined; readonly error: unknown };

const knownSnapshots = new WeakMap<WorkingCopy, Settled<EtcdSnapshot[]>>();

/** The answers are the same for every snapshot, so they are checked once. */
async function snapshotsOf(copy: WorkingCopy): Promise<Settled<EtcdSnapshot[]>> {
  const known = knownSnapshots.get(copy) ?? (await settled(() => findSnapshots(copy.directory)));
  knownSnapshots.set(copy, known);
  return known;
}

function withoutTemporary(copy: WorkingCopy): ReturnType<WorkingCopy['states']> {
  return copy.originalStates().filter(({ name }) => !name.endsWith('.tmp'));
}

function compareContents(reading: Reading, expected: Expectation): void {
  const metadata = expected.all('metadata')[0];
  if (metadata !== undefined) {
    const ours = reading.metadata === undefined ? null : Buffer.from(reading.metadata);
    expect(ours?.toString('base64') ?? null, 'metadata').toBe(metadata.b64);
  }
  const hardState = expected.all('hardstate')[0];
  if (hardState !== undefined) expectHardState(reading.hardState, hardState, 'hard state');
  const entries = expected.all('entry');
  if (entries.length === 0) return;
  expect(reading.entries.map(describeEntry)).toEqual(entries.map(describeEntryLine));
}

/** Returns true if the log could not be opened for writing. */
async function compareWriting(compared: Case, reading: Reading): Promise<boolean> {
  const { expected } = compared;
  if (expected.open('write') === undefined) return false;
  const opened = await compareOpened(compared, '');
  if (expected.readAll('write')?.sameAsRead === true) {
    expect(digestOfEntries(opened.entries)).toEqual(digestOfEntries(reading.entries));
  }
  return opened.error !== undefined;
}

/** Opens the log for writing and appends an entry. The same is done after a repair. */
async function compareOpened(compared: Case, suffix: '' | '-after-repair'): Promise<Reading> {
  const { copy, at, expected, fixture } = compared;
  const { directory } = copy;
  const mode = `write${suffix}`;
  const openLine = expected.open(mode);
  const options = {
    segmentBytes: fixture.segmentSize,
    recordBytesLimit,
    omitsNormalType: omitsNormalType(expected.version),
  };
  const { value: wal, error } = await settled(() => RawWal.open(directory, at, options));
  expectError(error, openLine?.error ?? null, `open, ${mode}`);
  if (wal === undefined) return { ...nothingRead, error };
  try {
    const reading = await readingOf(() => wal.readAll());
    const line = expected.readAll(mode);
    if (line !== undefined) expectReading(reading, line, `read all, ${mode}`);
    const filesAfter = expected.filesAfter(mode);
    if (filesAfter.length > 0) expect(ownStates(copy), mode).toEqual(filesAfter);
    const append = expected.append(`append${suffix}`);
    if (append !== undefined) await compareAppend(compared, { wal, reading, append });
    return reading;
  } finally {
    await wal.close();
  }
}

async function compareAppend(
  { copy, at, expected }: Case,
  { wal, reading, append }: { wal: RawWal; reading: Reading; append: AppendLine },
): Promise<void> {
  const term = BigInt(append.term);
  const { vote, commit } = reading.hardState;
  const entry = { type: 0, term, index: BigInt(append.index), data: Buffer.from(append.data) };
  const { error } = await settled(async () => {
    await wal.save({ term, vote, commit }, [entry]);
    await wal.close();
  });
  expectError(error, append.error, append.t);
  expect(copy.states(), append.t).toEqual(expected.filesAfter(append.t));
  const line = expected.readAll(append.t);
  if (line === undefined) return;
  expectReading(await readingOf(() => readWal(copy.directory, at)), line, append.t);
}

/** The files without the lock, which exists while the log is open. */
function ownStates(copy: WorkingCopy): ReturnType<WorkingCopy['states']> {
  return copy.states().filter(({ name }) => !name.startsWith('LOCK'));
}

/** Returns the snapshot files that are complete and that the log has a record of. */
export async function compareSnapshotFiles(
  fixture: Fixture,
  copy: WorkingCopy,
  snapshots: Files,
): Promise<void> {
  if (fixture.snapshotFiles === undefined) return;
  const { value: found = [] } = await snapshotsOf(copy);
  const records = found.map(({ index, term }) => `${index}/${term}`);
  const usable = [...snapshots]
    .filter(([name]) => name.endsWith('.snap'))
    .map(([name, bytes]) => snapshotPlace(name, bytes))
    .filter((place) => records.includes(place));
  expect(usable.sort()).toEqual(
    fixture.snapshotFiles.map(({ index, term }) => `${index}/${term}`).sort(),
  );
}

/**
 * Returns index and term of a snapshot file from its name and content. Its checksum must be
 * correct.
 */
function snapshotPlace(name: string, bytes: Uint8Array): string {
  const reader = new Reader(bytes);
  let crc = 0;
  let data = new Uint8Array(0);
  while (reader.hasMore()) {
    const tag = reader.tag('snappb.Snapshot');
    if (tag === varintTag(1)) crc = Number(reader.id('crc'));
    else if (tag === bytesTag(2)) data = new Uint8Array(reader.bytes('data'));
    else reader.skipUnknown(tag, 2, 'snappb.Snapshot');
  }
  expect(crc32c(0, data), name).toBe(crc);
  const { index, term } = decodeSnapshot(data).metadata;
  const hex = (value: number): string => value.toString(16).padStart(16, '0');
  expect(name).toBe(`${hex(term)}-${hex(index)}.snap`);
  return `${index}/${term}`;
}

async function readingOf(read: () => Promise<Reading>): Promise<Reading> {
  const { value, error } = await settled(read);
  return value ?? { ...nothingRead, error };
}

async function settled<Value>(work: () => Promise<Value>): Promise<Settled<Value>> {
  try {
    return { value: await work(), error: undefined };
  } catch (error) {
    return { value: undefined, error };
  }
}
