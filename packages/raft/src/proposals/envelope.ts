/**
 * The data of a proposed entry: its kind, its time, its session, the request of the proposing node,
 * and the payload. All numbers are big-endian integers below 2^53.
 *
 * ```
 *   0         1      2       3      4           12
 *   +---------+------+-------+------+-----------+-------------------+-------------------+---------
 *   | version | kind | flags | zero | timestamp | session, 24 bytes | request, 16 bytes | payload
 *   +---------+------+-------+------+-----------+-------------------+-------------------+---------
 *   flags 1: with session (id, sequence, lowest unanswered); flags 2: with request (node, number)
 * ```
 *
 * An entry without data is the one that a leader begins its term with, or replaces a refused
 * change. Decision: docs/decisions/0026-proposals-and-their-outcomes.md. The bytes are fixed by
 * golden files.
 */
import { readInteger, viewOf, writeInteger } from '../support/bytes.ts';
import { RaftError } from '../errors.ts';
import type { SessionCall } from '../ports/session-manager.ts';

/** What an entry is for. */
export const EnvelopeKind = {
  Payload: 1,
  RegisterSession: 2,
  UnregisterSession: 3,
  /** The node's own: see `identity/identity-entries.ts`. */
  Identity: 4,
} as const;
export type EnvelopeKind = (typeof EnvelopeKind)[keyof typeof EnvelopeKind];

/** Who waits for a proposal that was forwarded; only that life of that node can tell. */
export interface RequestId {
  readonly nodeId: bigint;
  /** Used once in all lives of the node. */
  readonly number: number;
}

export interface Envelope {
  readonly kind: EnvelopeKind;
  /**
   * When it was proposed, in milliseconds since 1970. The leader stamps it, also where another node
   * has handed the proposal on.
   */
  readonly proposedAtMs: number;
  readonly session?: SessionCall | undefined;
  readonly request?: RequestId | undefined;
  readonly payload: Uint8Array;
}

/**
 * A number of a request is that of the life, times this, and one in it: together an integer below
 * 2^53.
 */
export const requestsPerLife: number = 2 ** 21;
const requestNumbers = 2 ** 53;

/**
 * The number of the request after this one. When all numbers of a life are used, it is the first
 * one of the next life: within a life they only grow, so that a leader can tell an old request from
 * a new one however many requests other leaders have taken between them.
 */
export function nextRequestNumber(number: number): number {
  return (number + 1) % requestNumbers;
}

const formatVersion = 1;
const headBytes = 12;
const sessionBytes = 24;
const requestBytes = 16;
const withSession = 1;
const withRequest = 2;

/** What an envelope adds to a payload, at most. */
export const envelopeOverheadMax: number = headBytes + sessionBytes + requestBytes;
/** What index, term and type add to the data of an entry, at most. */
export const entryOverheadBytes = 40;

/**
 * The payload is copied.
 *
 * @throws RaftError (`RAFT_INVALID`) for a number that is no integer from 0 to 2^53 - 1: no replica
 * could read it.
 */
export function encodeEnvelope(envelope: Envelope): Uint8Array {
  const { session, request, payload } = envelope;
  const wrong = numbersOf(envelope).find((value) => !Number.isSafeInteger(value) || value < 0);
  if (wrong !== undefined) {
    throw new RaftError('RAFT_INVALID', `a proposal has integers from 0 to 2^53 - 1; got ${wrong}`);
  }
  const payloadAt =
    headBytes +
    (session === undefined ? 0 : sessionBytes) +
    (request === undefined ? 0 : requestBytes);
  const bytes = new Uint8Array(payloadAt + payload.length);
  const view = viewOf(bytes);
  bytes[0] = formatVersion;
  bytes[1] = envelope.kind;
  bytes[2] = (session === undefined ? 0 : withSession) | (request === undefined ? 0 : withRequest);
  writeInteger(view, 4, envelope.proposedAtMs);
  let at = headBytes;
  if (session !== undefined) {
    writeInteger(view, at, session.sessionId);
    writeInteger(view, at + 8, session.sequence);
    writeInteger(view, at + 16, session.lowestUnanswered);
    at += sessionBytes;
  }
  if (request !== undefined) {
    view.setBigUint64(at, request.nodeId);
    writeInteger(view, at + 8, request.number);
  }
  bytes.set(payload, payloadAt);
  return bytes;
}

/**
 * The payload is a part of `bytes`.
 *
 * @throws RaftError (`RAFT_STATE_UNREADABLE`) for bytes that no release known here has written: the
 * log then belongs to something else, or to a later release, and applying it would make replicas
 * differ.
 */
export function decodeEnvelope(bytes: Uint8Array, index: number): Envelope {
  const view = viewOf(bytes);
  const [version, kind, flags = 0, zero] = bytes;
  if (version !== formatVersion) {
    throw unreadable(index, `version ${version ?? 'none'}, known is ${formatVersion}`);
  }
  if (kind !== 1 && kind !== 2 && kind !== 3 && kind !== 4)
    throw unreadable(index, `unknown kind ${kind ?? 'none'}`);
  if (flags > (withSession | withRequest) || zero !== 0) {
    throw unreadable(index, `unknown flags ${flags}`);
  }
  const hasSession = (flags & withSession) !== 0;
  const hasRequest = (flags & withRequest) !== 0;
  const payloadAt = headBytes + (hasSession ? sessionBytes : 0) + (hasRequest ? requestBytes : 0);
  if (bytes.length < payloadAt)
    throw unreadable(index, `${bytes.length} bytes, expected at least ${payloadAt}`);
  const requestAt = payloadAt - requestBytes;
  const envelope: Envelope = {
    kind,
    proposedAtMs: readInteger(view, 4),
    session: hasSession
      ? {
          sessionId: readInteger(view, headBytes),
          sequence: readInteger(view, headBytes + 8),
          lowestUnanswered: readInteger(view, headBytes + 16),
        }
      : undefined,
    request: hasRequest
      ? { nodeId: view.getBigUint64(requestAt), number: readInteger(view, requestAt + 8) }
      : undefined,
    payload: bytes.subarray(payloadAt),
  };
  if (numbersOf(envelope).some(Number.isNaN)) throw unreadable(index, 'a number above 2^53 - 1');
  return envelope;
}

/**
 * Replaces the time of an envelope that another node has made, in place. False where the bytes are
 * no envelope that a member hands on: nothing is changed then.
 */
export function stampEnvelope(bytes: Uint8Array, proposedAtMs: number): boolean {
  const [version, kind = 0, , zero] = bytes;
  const isHandedOn = kind >= EnvelopeKind.Payload && kind <= EnvelopeKind.UnregisterSession;
  if (version !== formatVersion || !isHandedOn || zero !== 0) return false;
  if (bytes.length < headBytes + requestBytes) return false;
  writeInteger(viewOf(bytes), 4, Math.floor(proposedAtMs));
  return true;
}

/**
 * The node whose request is in the bytes of an envelope, without a look at the rest; `undefined`
 * where there is none.
 */
export function requesterOf(bytes: Uint8Array): bigint | undefined {
  const flags = bytes[2] ?? 0;
  const at = headBytes + ((flags & withSession) === 0 ? 0 : sessionBytes);
  if ((flags & withRequest) === 0 || bytes.length < at + requestBytes) return undefined;
  return viewOf(bytes).getBigUint64(at);
}

function numbersOf({ proposedAtMs, session, request }: Envelope): number[] {
  return [
    proposedAtMs,
    session?.sessionId ?? 0,
    session?.sequence ?? 0,
    session?.lowestUnanswered ?? 0,
    request?.number ?? 0,
  ];
}

function unreadable(index: number, what: string): RaftError {
  return new RaftError(
    'RAFT_STATE_UNREADABLE',
    `entry ${index} is not an envelope of this project: ${what}`,
  );
}
