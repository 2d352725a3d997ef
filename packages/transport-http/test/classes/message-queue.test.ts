/** The queue of one peer: its limits, its order and its counts. */
import { crc32 } from 'node:zlib';
import { MessageType, newMessage, type Message } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import { decodeMessages, frameHeadBytes, sizeInFrame } from '../../src/messages/frames.ts';
import { MessageQueue, queueBounds, type MessageFrame } from '../../src/messages/message-queue.ts';

const mebibyte = 1024 * 1024;
const small = { messagesMax: 4, bytesMax: 1000, frameBytesAimed: 400, frameEntriesAimed: 10 };

/** A message of `bytes` in a frame, with a number in its first bytes. */
function sized(bytes: number, number = 0): Message {
  const of = (length: number): Message => {
    const context = Buffer.alloc(length);
    if (length >= 4) context.writeUInt32LE(number, 0);
    return newMessage({ type: MessageType.Heartbeat, from: 1n, to: 2n, term: 1, context });
  };
  for (let length = Math.max(0, bytes - 64); length <= bytes; length += 1) {
    const message = of(length);
    if (sizeInFrame(message) === bytes) return message;
  }
  throw new RangeError(`no message takes ${bytes} bytes`);
}

const push = (queue: MessageQueue, message: Message): boolean =>
  queue.push(message, sizeInFrame(message));

/** The numbers of the messages in a frame, after checking its length and checksum. */
function numbersIn({ bytes, messages }: MessageFrame): number[] {
  const payload = bytes.subarray(frameHeadBytes);
  expect([bytes.readUInt32BE(0), bytes.readUInt32BE(4)]).toEqual([payload.length, crc32(payload)]);
  const decoded = decodeMessages(payload);
  expect(decoded).toHaveLength(messages);
  return decoded.map(({ context = new Uint8Array(4) }) => Buffer.from(context).readUInt32LE(0));
}

describe('a message queue', () => {
  it('takes as many messages as its bound, and one more after each frame', () => {
    const queue = new MessageQueue({ ...small, frameBytesAimed: 1 });
    const taken = Array.from({ length: 5 }, (_, number) => push(queue, sized(100, number)));
    expect(taken).toEqual([true, true, true, true, false]);
    expect(numbersIn(queue.shift())).toEqual([0]);
    expect([push(queue, sized(100, 5)), push(queue, sized(100, 6))]).toEqual([true, false]);
    expect(queue.length).toBe(4);
  });

  it.each([
    [399, true],
    [400, true],
    [401, false],
  ])('with 600 of 1,000 bytes takes a message of %i bytes: %s', (bytes, isTaken) => {
    const queue = new MessageQueue(small);
    push(queue, sized(600));
    expect(push(queue, sized(bytes))).toBe(isTaken);
    expect([queue.bytes, queue.length]).toEqual(isTaken ? [600 + bytes, 2] : [600, 1]);
  });

  it('takes one message of any size when it is empty, and no second one', () => {
    const queue = new MessageQueue(small);
    expect(push(queue, sized(5000, 1))).toBe(true);
    expect(push(queue, sized(100, 2))).toBe(false);
    expect(numbersIn(queue.shift())).toEqual([1]);
    expect([push(queue, sized(500, 3)), push(queue, sized(500, 4))]).toEqual([true, true]);
  });

  it.each([
    [199, 3],
    [200, 2],
    [201, 2],
  ])('closes a frame of messages of %i bytes when it has 400: %i messages', (bytes, messages) => {
    const queue = new MessageQueue(small);
    for (let number = 0; number < 4; number += 1) push(queue, sized(bytes, number));
    expect(numbersIn(queue.shift())).toEqual([0, 1, 2, 3].slice(0, messages));
    expect(queue.bytes).toBe((4 - messages) * bytes);
    expect(numbersIn(queue.shift())).toEqual([0, 1, 2, 3].slice(messages));
    expect([queue.bytes, queue.length]).toEqual([0, 0]);
  });

  it('is as roomy as before after 64 MiB have passed through it', () => {
    const queue = new MessageQueue({ ...small, bytesMax: mebibyte, frameBytesAimed: mebibyte / 4 });
    const message = sized(mebibyte / 4);
    for (let passed = 0; passed < 64 * mebibyte; passed += 4 * sizeInFrame(message)) {
      const taken = Array.from({ length: 4 }, () => push(queue, message));
      expect(taken).toEqual([true, true, true, true]);
      while (queue.length > 0) expect(queue.shift().messages).toBe(1);
      expect(queue.bytes).toBe(0);
    }
  });

  it('is as roomy as before after it was cleared, and says how many there were', () => {
    const queue = new MessageQueue(small);
    for (const round of [1, 2, 3]) {
      expect([push(queue, sized(500)), push(queue, sized(500, round))]).toEqual([true, true]);
      expect([queue.clear(), queue.length, queue.bytes]).toEqual([2, 0, 0]);
    }
    expect(push(queue, sized(700, 9))).toBe(true);
    expect(numbersIn(queue.shift())).toEqual([9]);
  });

  it('keeps the order of its messages when frames are taken between the calls', () => {
    const queue = new MessageQueue(small);
    const seen: number[] = [];
    for (let number = 0; number < 100; number += 1) {
      while (!push(queue, sized(100 + 50 * (number % 7), number))) {
        seen.push(...numbersIn(queue.shift()));
      }
    }
    while (queue.length > 0) seen.push(...numbersIn(queue.shift()));
    expect(seen).toEqual(Array.from({ length: 100 }, (_, number) => number));
  });

  it.each([
    [10, [1, 3]],
    [9, [2, 2]],
  ])('closes a frame whose first message has %i entries of 10: %j', (count, counts) => {
    const queue = new MessageQueue(small);
    const entry = { type: 0 as const, term: 1, index: 1 };
    const entries = Array.from({ length: count }, () => entry);
    for (const each of [entries, [entry], [], []]) {
      push(queue, newMessage({ type: MessageType.App, from: 1n, to: 2n, term: 1, entries: each }));
    }
    const first = queue.shift().messages;
    expect([first, queue.shift().messages]).toEqual(counts);
  });

  it('has room for 256 messages and 64 MiB, in frames of 1 MiB', () => {
    expect(queueBounds).toEqual({
      messagesMax: 256,
      bytesMax: 64 * mebibyte,
      frameBytesAimed: mebibyte,
      frameEntriesAimed: 8192,
    });
  });
});
