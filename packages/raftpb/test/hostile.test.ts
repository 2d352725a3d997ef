/**
 * Untrusted bytes: every decoder returns a value or throws `RaftpbDecodeError`, and the length of
 * the input bounds time and memory. An accepted value can be encoded again.
 */

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeConfChange,
  decodeConfChangeV2,
  decodeConfState,
  decodeEntry,
  decodeHardState,
  decodeMessage,
  decodeSnapshot,
  encodeMessage,
  newMessage,
  RaftpbDecodeError,
  RaftpbEncodeError,
  responsesDepthMax,
  type Message,
} from '../src/index.ts';
import { forEveryMessage, type MessageUnderTest } from './every-message.ts';
import { bytes, concat, tag, varint } from './wire.ts';

describe('hostile bytes', () => {
  forEveryMessage((message) => {
    it(`${message.name}: any bytes are a value or a RaftpbDecodeError`, () => {
      fc.assert(
        fc.property(hostileBytes, (input) => {
          expectValueOrDecodeError(message, input);
        }),
        { numRuns: 2500 },
      );
    });

    it(`${message.name}: a valid message with a few bytes changed, too`, () => {
      const change = fc.tuple(fc.nat(), fc.nat(255));
      fc.assert(
        fc.property(message.arbitrary, fc.array(change, { maxLength: 3 }), (value, changes) => {
          const input = message.encode(value);
          for (const [position, byte] of changes) input[position % input.length] = byte;
          expectValueOrDecodeError(message, input);
        }),
        { numRuns: 500 },
      );
    });

    it(`${message.name}: cut anywhere it is an error or ends between two fields`, () => {
      fc.assert(
        fc.property(message.arbitrary, (value) => {
          const whole = message.encode(value);
          for (let length = 0; length < whole.length; length += 1) {
            expectValueOrDecodeError(message, whole.slice(0, length));
          }
        }),
      );
    });
  });

  it.each([
    ['a number of eleven bytes', '10 ff ff ff ff ff ff ff ff ff ff 01', 'Entry.term', 1],
    ['a number of 65 bits', '10 ff ff ff ff ff ff ff ff ff 02', 'Entry.term', 1],
    ['a number that the end cuts', '10 80', 'Entry.term', 1],
    ['a number that is missing', '10', 'Entry.term', 1],
    ['a length above what is left', '22 05 01 02', 'Entry.data', 1],
    ['a length of 2^63', '22 80 80 80 80 80 80 80 80 80 01 00', 'Entry.data', 1],
    ['a term of 2^53', '10 80 80 80 80 80 80 80 10', 'Entry.term', 1],
    ['an index of 2^64 - 1', '18 ff ff ff ff ff ff ff ff ff 01', 'Entry.index', 1],
    ['an unknown type', '08 03', 'Entry.type', 2],
    ['a type of 2^32', '08 80 80 80 80 10', 'Entry.type', 6],
    ['a known field as bytes', '12 01 00', 'Entry', 1],
    ['data as a number', '20 01', 'Entry', 1],
    ['field number 0', '00 01', 'Entry', 0],
    ['wire type 6', '36', 'Entry', 0],
    ['wire type 7', '37', 'Entry', 0],
    ['a tag of 33 bits', '80 80 80 80 10 00', 'Entry', 0],
    ['the end of a group only', '3c', 'Entry', 1],
    ['a group without end', '3b', 'Entry', 1],
    ['a group with the end of another', '3b 44', 'Entry', 2],
    ['an unknown fixed64 that is cut', '39 01 02', 'Entry', 1],
    ['an unknown fixed32 that is cut', '3d 01 02', 'Entry', 1],
    ['an unknown length that is cut', '3a 03 01', 'Entry', 1],
  ])('%s is refused, with its place', (_what, hex, what, offset) => {
    const error = errorOf(() => decodeEntry(bytes(hex)));
    expect(error).toBeInstanceOf(RaftpbDecodeError);
    expect(error).toMatchObject({ name: 'RaftpbDecodeError', code: 'RAFTPB_DECODE', what, offset });
  });

  it('refuses a commit index and an inner index above 2^53 - 1', () => {
    const tooLarge = varint(2n ** 53n);
    expect(errorOf(() => decodeHardState(concat(tag(3, 0), tooLarge)))).toMatchObject({
      code: 'RAFTPB_DECODE',
      what: 'HardState.commit',
    });
    const metadata = concat(tag(2, 0), tooLarge);
    const snapshot = concat(tag(2, 2), varint(BigInt(metadata.length)), metadata);
    expect(errorOf(() => decodeSnapshot(snapshot))).toMatchObject({
      code: 'RAFTPB_DECODE',
      what: 'SnapshotMetadata.index',
    });
  });

  it('refuses an id of 65 bits instead of dropping the highest', () => {
    const error = errorOf(() => decodeHardState(bytes('10 80 80 80 80 80 80 80 80 80 02')));
    expect(error).toMatchObject({ code: 'RAFTPB_DECODE', what: 'HardState.vote', offset: 1 });
  });

  it('refuses types that it does not know, of messages and of changes', () => {
    const refusals: readonly [() => unknown, string][] = [
      [() => decodeMessage(bytes('08 18')), 'Message.type'],
      [() => decodeMessage(bytes('08 80 80 80 80 10')), 'Message.type'],
      [() => decodeConfChange(bytes('10 04')), 'ConfChange.type'],
      [() => decodeConfChangeV2(bytes('12 02 08 04')), 'ConfChangeSingle.type'],
      [() => decodeConfChangeV2(bytes('08 03')), 'ConfChangeV2.transition'],
    ];
    for (const [call, what] of refusals) {
      expect(errorOf(call)).toMatchObject({ code: 'RAFTPB_DECODE', what });
    }
  });

  it.each([
    ['term', 4],
    ['logTerm', 5],
    ['index', 6],
    ['commit', 8],
    ['rejectHint', 11],
  ])('refuses a message whose %s is above 2^53 - 1', (name, fieldNumber) => {
    const input = concat(tag(fieldNumber, 0), varint(2n ** 53n));
    expect(errorOf(() => decodeMessage(input))).toMatchObject({ what: `Message.${name}` });
  });

  it('reads responses as deep as it writes them, and refuses deeper ones in both directions', () => {
    const deepest = nestedResponses(responsesDepthMax);
    expect(decodeMessage(encodeMessage(deepest))).toStrictEqual(deepest);
    const tooDeep = nestedResponses(responsesDepthMax + 1);
    expect(errorOf(() => encodeMessage(tooDeep))).toBeInstanceOf(RaftpbEncodeError);
    const inner = encodeMessage(deepest);
    const input = concat(tag(14, 2), varint(BigInt(inner.length)), inner);
    expect(errorOf(() => decodeMessage(input))).toMatchObject({ what: 'Message.responses' });
    // Each level claims all remaining bytes.
    const bottomless = new Uint8Array(100_000).fill(0x72);
    expect(errorOf(() => decodeMessage(bottomless))).toBeInstanceOf(RaftpbDecodeError);
  });

  it('never reads an embedded message beyond its own end', () => {
    // The metadata is one byte long, a tag; its number would be the next byte of the snapshot.
    expect(errorOf(() => decodeSnapshot(bytes('12 01 10 07')))).toMatchObject({
      what: 'SnapshotMetadata.index',
      offset: 3,
    });
    // A packed list of one byte whose number needs a second one.
    expect(errorOf(() => decodeConfState(bytes('0a 01 80 01')))).toMatchObject({ offset: 2 });
  });

  it('skips groups 32 deep and refuses deeper ones before they can exhaust the stack', () => {
    expect(decodeEntry(nestedGroups(32)).term).toBe(7);
    expect(errorOf(() => decodeEntry(nestedGroups(33)))).toBeInstanceOf(RaftpbDecodeError);
    expect(errorOf(() => decodeEntry(nestedGroups(100_000)))).toBeInstanceOf(RaftpbDecodeError);
  });

  it('allocates nothing for a length that the bytes cannot hold', () => {
    const claim = concat(tag(4, 2), varint(2n ** 40n));
    expect(errorOf(() => decodeEntry(claim))).toBeInstanceOf(RaftpbDecodeError);
    const before = process.memoryUsage().arrayBuffers;
    for (let round = 0; round < 1000; round += 1) errorOf(() => decodeEntry(claim));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
  });
});

/**
 * Random bytes, and bytes that look like tags, numbers and lengths, which get further into the
 * decoder.
 */
const hostileBytes = fc.oneof(
  fc.uint8Array({ maxLength: 64 }),
  fc
    .array(
      fc.constantFrom(
        0,
        1,
        2,
        3,
        4,
        8,
        0x0a,
        0x10,
        0x12,
        0x18,
        0x1a,
        0x20,
        0x22,
        0x28,
        0x3b,
        0x3c,
        0x80,
        0xff,
      ),
      { maxLength: 40 },
    )
    .map((list) => Uint8Array.from(list)),
);

function expectValueOrDecodeError<T>(message: MessageUnderTest<T>, input: Uint8Array): void {
  let value: T;
  try {
    value = message.decode(input);
  } catch (error) {
    if (!(error instanceof RaftpbDecodeError)) throw error;
    expect(error.offset).toBeGreaterThanOrEqual(0);
    expect(error.offset).toBeLessThanOrEqual(input.length);
    return;
  }
  expect(message.decode(message.encode(value))).toStrictEqual(value);
}

/** A message whose responses nest this many levels deep. */
function nestedResponses(depth: number): Message {
  if (depth === 0) return newMessage({ type: 4 });
  return newMessage({ type: 19, responses: [nestedResponses(depth - 1)] });
}

/** Groups of field 7 around nothing, and then a term of 7. */
function nestedGroups(depth: number): Uint8Array {
  return concat(new Uint8Array(depth).fill(0x3b), new Uint8Array(depth).fill(0x3c), bytes('10 07'));
}

function errorOf(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error('expected an error');
}
