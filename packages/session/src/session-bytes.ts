/**
 * Encodes sessions for a snapshot. Each state has exactly one encoding. Numbers are little-endian,
 * and those of 8 bytes are below 2^53. All later releases read what this one writes; a change of
 * the format gets a new version. There is no checksum here, because a snapshot has one for each of
 * its files.
 *
 * ```
 *   0  magic "BSES"   4  version (1)   5  kind (1 noop, 2 lru, 3 expire)   6  zero (2 bytes)
 *
 *   and, except for noop:
 *
 *   8  sessionsMax (8)   16  resultsPerSessionMax (8)   24  resultsMax (8)
 *   32 resultBytesMax (8)   40  expireMs (8, 0 for lru)   48  time of the log (8)
 *   56 number of sessions (4), then each session, the least recently used first:
 *      id (8)   last use (8)   lowest unanswered (8)   number of results (4),
 *      then each result, ascending by sequence:
 *         sequence (8)   0 nothing | 1 bytes | 2 lost (1)   for bytes: length (4), bytes
 * ```
 */
import { SessionError } from './errors.ts';
import { ByteReader, ByteWriter } from './byte-io.ts';
import { Session, type KeptResult, type KeptResults } from './session.ts';
import { SessionsInOrder } from './sessions-in-order.ts';

/** The kind of manager that the bytes belong to. */
export type SessionKind = 'lru' | 'expire';

/**
 * The limits of a manager, which the encoding contains. `expireMs` is 0 if sessions do not expire.
 */
export interface SessionLimits {
  readonly sessionsMax: number;
  readonly resultsPerSessionMax: number;
  readonly resultsMax: number;
  readonly resultBytesMax: number;
  readonly expireMs: number;
}

/** The state of the sessions. */
export interface SessionsState {
  readonly timeMs: number;
  readonly sessions: SessionsInOrder;
}

const magic = 0x53_45_53_42; // "BSES"
const version = 1;
const kinds = ['noop', 'lru', 'expire'] as const;
/** The size of the start that all kinds share, and of everything before the sessions. */
const startBytes = 8;
const headBytes = 60;
/** The size of a session without results. */
const sessionBytes = 28;
/** The size of a result that is nothing or lost. A result of bytes also has a length. */
const resultBytes = 9;
const lengthBytes = 4;
const ResultForm = { Nothing: 0, Bytes: 1, Lost: 2 } as const;

/** The largest state that these limits allow. */
export function encodedBytesMax(limits: SessionLimits): number {
  const { sessionsMax, resultBytesMax } = limits;
  return (
    headBytes +
    sessionsMax * sessionBytes +
    keptResultsMax(limits) * (resultBytes + lengthBytes + resultBytesMax)
  );
}

export function encodeNothing(): Uint8Array {
  const writer = new ByteWriter(startBytes);
  writeHead(writer, 'noop');
  return writer.bytes;
}

export function decodeNothing(bytes: Uint8Array): void {
  const reader = new ByteReader(bytes);
  readHead(reader, 'noop');
  reader.end();
}

export function encodeSessions(
  kind: SessionKind,
  limits: SessionLimits,
  { timeMs, sessions }: SessionsState,
): Uint8Array {
  const whole = Array.from(sessions, (session) => ({ session, results: allResults(session) }));
  let length = headBytes + whole.length * sessionBytes;
  for (const { results } of whole) {
    for (const [, { result }] of results) {
      length += resultBytes + (result === undefined ? 0 : lengthBytes + result.length);
    }
  }
  const writer = new ByteWriter(length);
  writeHead(writer, kind);
  for (const [, limit] of limitsInOrder(limits)) writer.uint64(limit);
  writer.uint64(timeMs);
  writer.uint32(whole.length);
  for (const { session, results } of whole) writeSession(writer, session, results);
  return writer.bytes;
}

export function decodeSessions(
  bytes: Uint8Array,
  kind: SessionKind,
  limits: SessionLimits,
): SessionsState {
  const reader = new ByteReader(bytes);
  readHead(reader, kind);
  for (const [name, expected] of limitsInOrder(limits)) {
    const found = reader.uint64(name);
    if (found !== expected) refuseOther(`${kind} with ${name} ${found}`, `${name} ${expected}`);
  }
  const timeMs = reader.uint64('time');
  const sessions = new SessionsInOrder();
  let lastUsedMs = 0;
  let resultsLeft = keptResultsMax(limits);
  const count = reader.count('sessions', limits.sessionsMax, sessionBytes);
  while (sessions.size < count) {
    const session = readSession(reader, limits);
    resultsLeft -= session.size;
    reader.check(resultsLeft >= 0, 'more results than all sessions together may have');
    reader.check(!sessions.has(session.id), `session ${session.id} is there twice`);
    reader.check(session.lastUsedMs >= lastUsedMs, 'sessions are not in the order of their use');
    lastUsedMs = session.lastUsedMs;
    sessions.add(session);
  }
  reader.check(lastUsedMs <= timeMs, 'a session was used later than now');
  reader.end();
  return { timeMs, sessions };
}

/** Each session may keep one result even when the others have reached `resultsMax`. */
function keptResultsMax({ resultsMax, sessionsMax }: SessionLimits): number {
  return resultsMax + sessionsMax;
}

function limitsInOrder(limits: SessionLimits): readonly (readonly [string, number])[] {
  return [
    ['sessionsMax', limits.sessionsMax],
    ['resultsPerSessionMax', limits.resultsPerSessionMax],
    ['resultsMax', limits.resultsMax],
    ['resultBytesMax', limits.resultBytesMax],
    ['expireMs', limits.expireMs],
  ];
}

function writeHead(writer: ByteWriter, kind: (typeof kinds)[number]): void {
  writer.uint32(magic);
  writer.uint8(version);
  writer.uint8(kinds.indexOf(kind) + 1);
  writer.uint8(0);
  writer.uint8(0);
}

function readHead(reader: ByteReader, expected: (typeof kinds)[number]): void {
  reader.check(reader.uint32('magic') === magic, 'these are not sessions');
  const found = reader.uint8('version');
  reader.check(found > 0, 'there is no version 0');
  if (found !== version) {
    const problem = `sessions of version ${found}; this release reads version ${version}`;
    throw new SessionError('SESSION_VERSION', problem);
  }
  const kind = kinds[reader.uint8('kind') - 1];
  reader.check(kind !== undefined, 'there is no such kind of sessions');
  reader.check(reader.uint8('zero') === 0 && reader.uint8('zero') === 0, 'reserved bytes are set');
  if (kind !== expected) refuseOther(String(kind), expected);
}

function refuseOther(found: string, expected: string): never {
  throw new SessionError(
    'SESSION_MISMATCH',
    `these are sessions of ${found}, this node has ${expected}: all members need the same, for good`,
  );
}

function allResults(session: Session): KeptResults {
  const results = session.results();
  if (results !== undefined) return results;
  const problem = `session ${session.id} waits for a result: record all before encoding`;
  throw new SessionError('SESSION_INVALID', problem);
}

function writeSession(writer: ByteWriter, session: Session, results: KeptResults): void {
  writer.uint64(session.id);
  writer.uint64(session.lastUsedMs);
  writer.uint64(session.lowest);
  writer.uint32(results.length);
  for (const [sequence, { result, lost }] of results) {
    writer.uint64(sequence);
    if (result === undefined) {
      writer.uint8(lost ? ResultForm.Lost : ResultForm.Nothing);
    } else {
      writer.uint8(ResultForm.Bytes);
      writer.uint32(result.length);
      writer.append(result);
    }
  }
}

function readSession(reader: ByteReader, limits: SessionLimits): Session {
  const id = reader.uint64('session id');
  const session = new Session(id, reader.uint64('last use'), reader.uint64('lowest unanswered'));
  reader.check(id > 0 && session.lowest > 0, 'a session id or sequence of 0');
  let sequenceMin = session.lowest;
  const count = reader.count('results', limits.resultsPerSessionMax, resultBytes);
  while (session.size < count) {
    const sequence = reader.uint64('sequence');
    reader.check(sequence >= sequenceMin, 'sequences that do not ascend');
    reader.check(
      sequence - session.lowest < limits.resultsPerSessionMax,
      'a sequence too far ahead',
    );
    sequenceMin = sequence + 1;
    session.keep(sequence, readResult(reader, limits.resultBytesMax));
  }
  return session;
}

function readResult(reader: ByteReader, bytesMax: number): KeptResult {
  const form = reader.uint8('form of a result');
  if (form === ResultForm.Bytes) {
    const result = reader.bytes('result', reader.count('bytes of a result', bytesMax, 1));
    return { result, lost: false };
  }
  reader.check(form === ResultForm.Nothing || form === ResultForm.Lost, 'no such form of a result');
  return { result: undefined, lost: form === ResultForm.Lost };
}
