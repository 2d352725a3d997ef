/**
 * etcd's answers about a log, line by line, and the comparison with the answers of this package.
 */
import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { CorruptError, NotFoundError, WalError } from '@babuza/wal-core';
import type { EtcdEntry, EtcdHardState, EtcdSnapshot } from '../../src/format.ts';
import { confStateOf, type ConfStateLine } from './perform-spec.ts';
import { digest, type FileState } from './working-copy.ts';

export interface ErrorLine {
  readonly name: string;
  readonly msg?: string;
}

type Said = ErrorLine | null;

interface EntryLine {
  readonly t: 'entry';
  readonly term: string;
  readonly index: string;
  readonly type: number;
  readonly len: number;
  readonly sha256: string;
  readonly nil?: boolean;
}

export interface ReadAllLine {
  readonly t: 'readall';
  readonly mode: string;
  readonly error: Said;
  readonly entries: number;
  readonly firstIndex?: string;
  readonly lastIndex?: string;
  readonly entriesSha256?: string;
  readonly sameAsRead?: boolean;
  readonly hardstate?: HardStateFields;
}

interface HardStateFields {
  readonly term: string;
  readonly vote: string;
  readonly commit: string;
}

export interface SnapshotLine {
  readonly index: string;
  readonly term: string;
  readonly confState?: ConfStateLine;
}

export interface AppendLine {
  readonly t: 'append' | 'append-after-repair';
  readonly data: string;
  readonly error: Said;
  readonly index: string;
  readonly term: string;
}

export type ExpectedLine =
  | { readonly t: 'dump'; readonly etcd: string; readonly snap: { index: string; term: string } }
  | { readonly t: 'file'; readonly name: string; readonly size: number; readonly sha256?: string }
  | RecordLine
  | { readonly t: 'open'; readonly mode: string; readonly error: Said }
  | { readonly t: 'metadata'; readonly b64: string | null }
  | ({ readonly t: 'hardstate' } & HardStateFields)
  | EntryLine
  | ReadAllLine
  | {
      readonly t: 'valid-snapshots';
      readonly error: Said;
      readonly snapshots: readonly SnapshotLine[];
    }
  | { readonly t: 'verify'; readonly error: Said }
  | ({ readonly t: 'file-after'; readonly after: string } & FileState)
  | AppendLine
  | { readonly t: 'repair'; readonly ok: boolean; readonly needed: boolean; readonly error: Said };

export interface RecordLine {
  readonly t: 'record';
  readonly seg: string;
  readonly n: number;
  readonly off: number;
  readonly len: number;
  readonly pad: number;
  readonly type?: number;
  readonly crc?: number;
  readonly dataLen?: number;
  readonly bad?: string;
}

/** The lines of one file, with functions to query them. */
export class Expectation {
  readonly #lines: readonly ExpectedLine[];

  constructor(lines: readonly ExpectedLine[]) {
    this.#lines = lines;
  }

  /** The version of etcd that gave the answers. */
  get version(): string {
    return this.all('dump')[0]?.etcd ?? '';
  }

  all<Kind extends ExpectedLine['t']>(kind: Kind): Extract<ExpectedLine, { t: Kind }>[] {
    return this.#lines.filter(
      (line): line is Extract<ExpectedLine, { t: Kind }> => line.t === kind,
    );
  }

  open(mode: string): { readonly error: Said } | undefined {
    return this.all('open').find((line) => line.mode === mode);
  }

  readAll(mode: string): ReadAllLine | undefined {
    return this.all('readall').find((line) => line.mode === mode);
  }

  append(kind: AppendLine['t']): AppendLine | undefined {
    return this.#lines.find((line): line is AppendLine => line.t === kind);
  }

  filesAfter(what: string): FileState[] {
    return this.all('file-after')
      .filter(({ after }) => after === what)
      .map(({ name, size, sha256 }) => ({ name, size, sha256 }));
  }
}

const etcdNames: ReadonlySet<string> = new Set([
  'ErrMetadataConflict',
  'ErrFileNotFound',
  'ErrCRCMismatch',
  'ErrSnapshotMismatch',
  'ErrSnapshotNotFound',
  'ErrSliceOutOfRange',
  'ErrMaxWALEntrySizeLimitExceeded',
  'ErrDecoderNotFound',
  'ErrUnexpectedEOF',
  'ErrLocked',
  'ErrExist',
]);

/** Checks that the error is the one that etcd named, or that there is no error. */
export function expectError(error: unknown, said: Said, when: string): void {
  if (error !== undefined && !(error instanceof WalError)) throw error;
  const ours = nameOf(error);
  if (said === null || etcdNames.has(said.name)) expect(ours, when).toBe(said?.name);
  else if (said.name === 'panic') expect(ours, when).toBe('not-readable');
  else {
    expect(said.name, when).toBe('other');
    expect(ours, when).toBeDefined();
    // Since 3.6 etcd has no name for the error about missing segments.
    if (!(error instanceof NotFoundError)) expect(etcdNames, when).not.toContain(ours);
  }
}

function nameOf(error: WalError | undefined): string | undefined {
  if (error instanceof CorruptError) return error.verdict;
  return error instanceof NotFoundError ? 'ErrFileNotFound' : error?.code;
}

/** The result of reading a log once. */
export interface Reading {
  readonly metadata: Uint8Array | undefined;
  readonly hardState: EtcdHardState;
  readonly entries: readonly EtcdEntry[];
  readonly error: unknown;
}

export const nothingRead: Reading = {
  metadata: undefined,
  hardState: { term: 0n, vote: 0n, commit: 0n },
  entries: [],
  error: undefined,
};

/** Checks a result against the line. */
export function expectReading(reading: Reading, line: ReadAllLine, when: string): void {
  expectError(reading.error, line.error, when);
  const { entries } = reading;
  const { firstIndex, lastIndex } = line;
  expect(
    {
      entries: entries.length,
      firstIndex: entries.at(0)?.index.toString(),
      lastIndex: entries.at(-1)?.index.toString(),
    },
    when,
  ).toEqual({ entries: line.entries, firstIndex, lastIndex });
  if (line.entriesSha256 !== undefined) {
    expect(digestOfEntries(entries), when).toBe(line.entriesSha256);
  }
  if (line.hardstate !== undefined) expectHardState(reading.hardState, line.hardstate, when);
}

export function expectHardState(ours: EtcdHardState, line: HardStateFields, when: string): void {
  const { term, vote, commit } = line;
  expect(ours, when).toEqual({ term: BigInt(term), vote: BigInt(vote), commit: BigInt(commit) });
}

/** One line for each entry, so that differences are readable. */
export function describeEntry({ type, term, index, data }: EtcdEntry): string {
  const payload = data ?? new Uint8Array(0);
  return `${term}/${index} type ${type}: ${data === undefined ? 'nil' : payload.length} ${digest(payload)}`;
}

export function describeEntryLine({ type, term, index, len, sha256, nil }: EntryLine): string {
  return `${term}/${index} type ${type}: ${nil === true ? 'nil' : len} ${sha256}`;
}

/** The membership is only compared if the version of etcd writes it. */
export function expectSnapshots(
  ours: readonly EtcdSnapshot[],
  lines: readonly SnapshotLine[],
  version: string,
): void {
  const showsConfState = !version.startsWith('3.4');
  expect(
    ours.map(({ index, term, confState }) => ({
      index,
      term,
      confState: showsConfState ? confState : undefined,
    })),
  ).toEqual(
    lines.map(({ index, term, confState }) => ({
      index: BigInt(index),
      term: BigInt(term),
      confState: confState === undefined ? undefined : confStateOf(confState),
    })),
  );
}

const digests = new WeakMap<readonly EtcdEntry[], string>();

/** A hash over all known fields. Absent and empty data are the same in it. */
export function digestOfEntries(entries: readonly EtcdEntry[]): string {
  const known = digests.get(entries) ?? computeDigest(entries);
  digests.set(entries, known);
  return known;
}

function computeDigest(entries: readonly EtcdEntry[]): string {
  const hash = createHash('sha256');
  for (const { term, index, type, data } of entries) {
    hash.update(`${term} ${index} ${type} ${data?.length ?? 0} `);
    if (data !== undefined) hash.update(data);
  }
  return hash.digest('hex');
}
