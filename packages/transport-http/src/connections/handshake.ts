/**
 * The handshake that both sides send in the head of every request and answer. It names the sender,
 * the receiver and their limits, and both sides check it before they process a message. Unknown
 * fields are ignored, so that later versions can add some.
 *
 * Decision: docs/decisions/0028-transport-port.md.
 */
import { isPrintableWord, printableError } from '../access/printable.ts';
import { TransportError, type RefusalReason } from '../errors.ts';

/** The versions of the protocol that this code supports. */
export const protocolVersions: Versions = { min: 1, max: 1 };

export interface Versions {
  readonly min: number;
  readonly max: number;
}

export interface Handshake {
  readonly protocol: Versions;
  readonly clusterId: bigint;
  readonly groupId: bigint;
  /** The node that sends the handshake. */
  readonly from: bigint;
  /** The node that the handshake is addressed to. */
  readonly to: bigint;
  /** The address that the sender advertises. */
  readonly address: string;
  /** The largest entry in bytes, which must be the same in the whole cluster. */
  readonly entryBytesMax: number;
  /** The largest message that the sender accepts, in bytes. */
  readonly messageBytesMax: number;
  /** Optional features of the sender; see `repliesFeature`. */
  readonly features: readonly string[];
  /** The introduction of the sender's node; see `TransportHandler.introduction`. */
  readonly introduction?: string | undefined;
}

/**
 * The sender accepts messages in the answers on the streams that it opens. So a member that does
 * not know the sender's address yet can still reply to it.
 */
export const repliesFeature = 'replies';

/** The HTTP header that carries the handshake. */
export const handshakeHeader = 'babuza-handshake';

const addressLengthMax = 1024;
const featuresMax = 64;

/** Encodes a handshake as one line of ASCII. */
export function encodeHandshake(handshake: Handshake): string {
  const text = JSON.stringify(handshake, (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  return text.replaceAll(/[^ -~]/g, escaped);
}

const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** @throws TransportError (`TRANSPORT_PROTOCOL`) that names the field that cannot be read. */
export function decodeHandshake(text: string | readonly string[] | undefined): Handshake {
  const fields = parse(text);
  const protocol = objectOf(fields['protocol'], 'protocol');
  return {
    protocol: {
      min: integerOf(protocol['min'], 'protocol.min'),
      max: integerOf(protocol['max'], 'protocol.max'),
    },
    clusterId: idOf(fields['clusterId'], 'clusterId'),
    groupId: idOf(fields['groupId'], 'groupId'),
    from: memberOf(fields['from'], 'from'),
    to: idOf(fields['to'], 'to'),
    address: addressOf(fields['address']),
    entryBytesMax: integerOf(fields['entryBytesMax'], 'entryBytesMax'),
    messageBytesMax: integerOf(fields['messageBytesMax'], 'messageBytesMax'),
    features: featuresOf(fields['features']),
    introduction: introductionOf(fields['introduction']),
  };
}

export interface Refusal {
  readonly reason: RefusalReason;
  readonly message: string;
}

/**
 * Compares two handshakes and returns the first difference that rules out a connection. `theirs`
 * was received; `ours` is what this side sends to the same node.
 */
export function disagreement(theirs: Handshake, ours: Handshake): Refusal | undefined {
  const { min, max } = theirs.protocol;
  if (min > ours.protocol.max || max < ours.protocol.min) {
    return refusal(
      'other-protocol',
      'the range of protocol versions',
      ours.protocol.max,
      `${min} to ${max}`,
    );
  }
  if (theirs.clusterId !== ours.clusterId) {
    return refusal('other-cluster', 'the cluster id', ours.clusterId, theirs.clusterId);
  }
  if (theirs.groupId !== ours.groupId) {
    return refusal('other-group', 'the group id', ours.groupId, theirs.groupId);
  }
  if (theirs.to !== ours.from) {
    return refusal('other-node', 'the id of the receiving member', ours.from, theirs.to);
  }
  if (theirs.from !== ours.to) {
    return refusal('other-node', 'the id of the sending member', ours.to, theirs.from);
  }
  if (theirs.entryBytesMax !== ours.entryBytesMax) {
    const what = 'entryBytesMax';
    return refusal('other-entry-limit', what, ours.entryBytesMax, theirs.entryBytesMax);
  }
  return undefined;
}

function refusal(reason: RefusalReason, what: string, ours: unknown, theirs: unknown): Refusal {
  return { reason, message: `${what} is ${String(ours)} here and ${String(theirs)} there` };
}

function parse(text: string | readonly string[] | undefined): Record<string, unknown> {
  if (typeof text !== 'string') throw unreadable('there is no such header, or more than one');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // The message of a JSON parser quotes its input, which comes from the other side.
    throw unreadable('it is not JSON', printableError(error));
  }
  return objectOf(value, 'it');
}

function objectOf(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw unreadable(`${name} is not an object`);
  return Object.fromEntries(Object.entries(value));
}

function integerOf(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw unreadable(`${name} is not an integer from 0`);
}

function idOf(value: unknown, name: string): bigint {
  if (typeof value === 'string' && /^\d{1,20}$/.test(value)) {
    const id = BigInt(value);
    if (id < 2n ** 64n) return id;
  }
  throw unreadable(`${name} is not a 64-bit id in decimal digits`);
}

function memberOf(value: unknown, name: string): bigint {
  const id = idOf(value, name);
  if (id === 0n) throw unreadable(`${name} is not a node id: ids begin with 1`);
  return id;
}

function addressOf(value: unknown): string {
  const isAddress = typeof value === 'string' && value !== '' && value.length <= addressLengthMax;
  if (isAddress && isPrintableWord(value)) return value;
  throw unreadable(
    `address is not a text of 1 to ${addressLengthMax} characters without spaces and control characters`,
  );
}

function featuresOf(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  return value.filter((name) => typeof name === 'string').slice(0, featuresMax);
}

const introductionLengthMax = 2048;

function introductionOf(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && value.length <= introductionLengthMax) return value;
  throw unreadable(`introduction is not a text of at most ${introductionLengthMax} characters`);
}

function unreadable(problem: string, cause?: unknown): TransportError {
  return new TransportError('TRANSPORT_PROTOCOL', `a handshake cannot be read: ${problem}`, {
    cause,
  });
}
