/**
 * The bytes of commands and answers of the key-value state machine. A value travels as it is,
 * behind a header of a few bytes, so that what lies in the log is hardly larger than what a client
 * has sent. Little-endian.
 *
 *      command  ┌─────────┬──────┬───────────┬─────┬─────────────────────────────┬──────────────┐
 *               │ version │ kind │ key bytes │ key │ compare-and-set: expected   │ value        │
 *               │ 1       │ 1    │ 2         │     │ bytes (4), the value itself │ (to the end) │
 *               └─────────┴──────┴───────────┴─────┴─────────────────────────────┴──────────────┘
 *      answer   ┌─────────┬──────┬──────┐
 *               │ version │ kind │ flag │   one byte each
 *               └─────────┴──────┴──────┘
 *
 * An answer never carries a value: it is kept with the session of its client, where only small ones
 * stay.
 */

/** The largest key in UTF-8 bytes. */
export const keyBytesMax = 1024;
/** The largest value: 1 MiB. Two values and a key fit well into the largest entry of a cluster. */
export const valueBytesMax: number = 1024 * 1024;

export type KeyValueCommand =
  | { readonly kind: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly kind: 'delete'; readonly key: string }
  | {
      readonly kind: 'compare-and-set';
      readonly key: string;
      /** The value that must be there; `undefined`: none must be. */
      readonly expected: Uint8Array | undefined;
      readonly value: Uint8Array;
    };

export type KeyValueResult =
  /** `existed`: a value was there before. */
  | { readonly kind: 'put' | 'delete'; readonly existed: boolean }
  /** `swapped`: the expected value was there, and the new one has its place. */
  | { readonly kind: 'compare-and-set'; readonly swapped: boolean }
  /** The bytes of the proposal are not a command; the state did not change. */
  | { readonly kind: 'malformed' };

/** Bytes that are not of this version, and keys and values outside of the limits. */
export class KeyValueCodecError extends Error {
  override readonly name = 'KeyValueCodecError';
  readonly code = 'KEY_VALUE_MALFORMED';
}

const version = 1;
const headerBytes = 4;
const expectsNothing = 0xffff_ffff;
const commandKinds = ['put', 'delete', 'compare-and-set'] as const;
const resultKinds = ['put', 'delete', 'compare-and-set', 'malformed'] as const;
const loneSurrogate = /\p{Surrogate}/u;
const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The UTF-8 bytes of a key. Throws `KEY_VALUE_MALFORMED` unless they are 1 to 1024 and the text is
 * well-formed.
 */
export function encodeKey(key: string): Uint8Array {
  if (key.length > keyBytesMax || loneSurrogate.test(key)) refuseKey();
  const bytes = utf8.encode(key);
  if (bytes.length < 1 || bytes.length > keyBytesMax) refuseKey();
  return bytes;
}

function refuseKey(): never {
  throw new KeyValueCodecError(`a key must be well-formed text of 1 to ${keyBytesMax} UTF-8 bytes`);
}

/** The key in UTF-8 bytes. Throws `KEY_VALUE_MALFORMED`. */
export function decodeKey(bytes: Uint8Array): string {
  if (bytes.length < 1 || bytes.length > keyBytesMax) refuseKey();
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return refuseKey();
  }
}

/**
 * Encodes a command; all parts are copied. Throws `KEY_VALUE_MALFORMED` for an invalid key or a
 * value that is too large.
 */
export function encodeCommand(command: KeyValueCommand): Uint8Array {
  const key = encodeKey(command.key);
  const value = command.kind === 'delete' ? noBytes : command.value;
  const expected = command.kind === 'compare-and-set' ? command.expected : undefined;
  checkValue(value);
  if (expected !== undefined) checkValue(expected);
  const expectedField = command.kind === 'compare-and-set' ? 4 : 0;
  const keyEnd = headerBytes + key.length;
  const valueAt = keyEnd + expectedField + (expected?.length ?? 0);
  const bytes = new Uint8Array(valueAt + value.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = version;
  bytes[1] = commandKinds.indexOf(command.kind);
  view.setUint16(2, key.length, true);
  bytes.set(key, headerBytes);
  if (expectedField > 0) {
    view.setUint32(keyEnd, expected?.length ?? expectsNothing, true);
    if (expected !== undefined) bytes.set(expected, keyEnd + expectedField);
  }
  bytes.set(value, valueAt);
  return bytes;
}

/** The command in these bytes; its values are views of them. Throws `KEY_VALUE_MALFORMED`. */
export function decodeCommand(bytes: Uint8Array): KeyValueCommand {
  if (bytes.length < headerBytes || bytes[0] !== version) {
    throw new KeyValueCodecError(`no command of version ${version}: ${bytes.length} bytes`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const kind = commandKinds[bytes[1] ?? commandKinds.length];
  if (kind === undefined) throw new KeyValueCodecError(`no command has the kind ${bytes[1]}`);
  const keyEnd = headerBytes + view.getUint16(2, true);
  if (keyEnd > bytes.length) throw new KeyValueCodecError('the command ends within its key');
  const key = decodeKey(bytes.subarray(headerBytes, keyEnd));
  if (kind === 'compare-and-set') return decodeCompareAndSet(key, bytes, view, keyEnd);
  const value = bytes.subarray(keyEnd);
  if (kind === 'put') return { kind, key, value: checkValue(value) };
  if (value.length > 0) throw new KeyValueCodecError('a delete with a value');
  return { kind, key };
}

function decodeCompareAndSet(
  key: string,
  bytes: Uint8Array,
  view: DataView,
  at: number,
): KeyValueCommand {
  const expectedAt = at + 4;
  if (expectedAt > bytes.length) throw new KeyValueCodecError('the command ends too early');
  const length = view.getUint32(at, true);
  const valueAt = expectedAt + (length === expectsNothing ? 0 : length);
  if (valueAt > bytes.length) {
    throw new KeyValueCodecError('the command ends within its expected value');
  }
  const expected =
    length === expectsNothing ? undefined : checkValue(bytes.subarray(expectedAt, valueAt));
  return { kind: 'compare-and-set', key, expected, value: checkValue(bytes.subarray(valueAt)) };
}

function checkValue(value: Uint8Array): Uint8Array {
  if (value.length <= valueBytesMax) return value;
  throw new KeyValueCodecError(`a value of ${value.length} bytes; at most ${valueBytesMax} fit`);
}

/** Encodes the result of a command. */
export function encodeResult(result: KeyValueResult): Uint8Array {
  const flag =
    (result.kind === 'compare-and-set' && result.swapped) ||
    ((result.kind === 'put' || result.kind === 'delete') && result.existed);
  return Uint8Array.of(version, resultKinds.indexOf(result.kind), flag ? 1 : 0);
}

/** Throws `KEY_VALUE_MALFORMED`. */
export function decodeResult(bytes: Uint8Array): KeyValueResult {
  const kind = resultKinds[bytes[1] ?? resultKinds.length];
  const flag = bytes[2];
  if (bytes.length !== 3 || bytes[0] !== version || kind === undefined || (flag ?? 2) > 1) {
    throw new KeyValueCodecError(`no answer of version ${version}: ${bytes.length} bytes`);
  }
  if (kind === 'malformed') return { kind };
  if (kind === 'compare-and-set') return { kind, swapped: flag === 1 };
  return { kind, existed: flag === 1 };
}

const noBytes = new Uint8Array(0);
