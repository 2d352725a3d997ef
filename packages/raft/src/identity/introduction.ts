/**
 * The introduction that a member sends at the start of each connection: its cluster, its log, its
 * start, and marks of a few of its entries. It is one line of text that the transport does not
 * interpret. Unknown fields are ignored.
 */
import { fieldOf } from './cluster-identity.ts';
import { isIdentityHex, type IdentityHex } from './hex.ts';
import type { EntryMark } from './identity-record.ts';

export interface Introduction {
  readonly origin: IdentityHex | undefined;
  readonly birth: IdentityHex | undefined;
  readonly logId: IdentityHex;
  readonly startCount: number;
  /** A random number of this start. */
  readonly run: number;
  readonly lastIndex: number;
  readonly commitIndex: number;
  /** Entries of its log, by which another member detects a log with a different history. */
  readonly marks: readonly EntryMark[];
  /** The time of its wall clock, in ms since 1970. Earlier releases do not send it. */
  readonly clockMs?: number | undefined;
}

/** How many marks are read at most, because each costs a read of the log. */
export const marksMax = 4;
const textLengthMax = 2048;

export function encodeIntroduction(introduction: Introduction): string {
  const { marks, ...rest } = introduction;
  const tuples = marks.map(({ index, term, checksum }) => [index, term, checksum]);
  return JSON.stringify({ ...rest, marks: tuples });
}

/** Returns `undefined` for a text that is not an introduction. */
export function decodeIntroduction(text: string | undefined): Introduction | undefined {
  if (text === undefined || text.length > textLengthMax) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const origin = fieldOf(json, 'origin');
  const birth = fieldOf(json, 'birth');
  const logId = fieldOf(json, 'logId');
  const [startCount, run, lastIndex, commitIndex] = [
    'startCount',
    'run',
    'lastIndex',
    'commitIndex',
  ].map((name) => countOf(fieldOf(json, name)));
  const marks = marksOf(fieldOf(json, 'marks'));
  const clockMs = countOf(fieldOf(json, 'clockMs'));
  if (
    !isAbsentOrIdentity(origin) ||
    !isAbsentOrIdentity(birth) ||
    !isIdentityHex(logId) ||
    startCount === undefined ||
    run === undefined ||
    lastIndex === undefined ||
    commitIndex === undefined ||
    marks === undefined
  ) {
    return undefined;
  }
  return { origin, birth, logId, startCount, run, lastIndex, commitIndex, marks, clockMs };
}

function isAbsentOrIdentity(value: unknown): value is IdentityHex | undefined {
  return value === undefined || isIdentityHex(value);
}

function countOf(value: unknown): number | undefined {
  const isCount = typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
  return isCount ? value : undefined;
}

function marksOf(value: unknown): EntryMark[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const marks: EntryMark[] = [];
  for (const tuple of value.slice(0, marksMax)) {
    if (!Array.isArray(tuple)) return undefined;
    const [index, term, checksum] = tuple.map(countOf);
    if (index === undefined || term === undefined || checksum === undefined) return undefined;
    marks.push({ index, term, checksum });
  }
  return marks;
}
