/** Request bodies of the hostile learner that aim to exhaust memory or connections. */
import { randomBytes } from 'node:crypto';
import { encodeMessage, MessageType, newMessage } from '@babuza/raftpb';
import { rawChunk, rawFrame, rawFrameHead, rawLastChunk } from '@babuza/transport-http/testing';
import type { Attack } from '../attack.ts';
import { learnerId, learnerRequest } from './learner.ts';

const mebibyte = 1024 * 1024;
/** The largest frame that a member of this cluster accepts. */
const framePayloadMax = 3 * mebibyte;
const patienceMs = 5000;

const halfFrame = rawChunk(
  Buffer.concat([rawFrameHead(framePayloadMax), randomBytes(framePayloadMax - 4096)]),
);
const oneByte = rawChunk(Buffer.alloc(1));

/** Sends large frames without their end, and keeps them open with one byte per second. */
export const halfSentFrames: Attack = {
  name: 'half-sent frames',
  connections: 128,
  pauseMs: 5000,
  strike: async (striker) => {
    const line = learnerRequest(striker);
    await line.send(halfFrame);
    while (await line.hold(1000)) line.write(oneByte);
    return line.outcome(0);
  },
};

/**
 * A message with many empty entries of two bytes each: field 7 of `raftpb.Message`, with length 0.
 */
function emptyEntries(to: bigint, payloadBytes: number): Buffer {
  const message = encodeMessage(newMessage({ type: MessageType.Prop, from: learnerId, to }));
  const entries = Buffer.alloc(payloadBytes - message.length - 4, Buffer.from([0x3a, 0x00]));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length + entries.length);
  return rawFrame(Buffer.concat([length, message, entries]));
}

export const framesOfEmptyEntries: Attack = {
  name: 'frames of empty entries',
  connections: 6,
  pauseMs: 2000,
  strike: async (striker) => {
    const line = learnerRequest(striker, { messageBytesMax: 32 * mebibyte });
    await line.send(
      rawChunk(emptyEntries(striker.targetId, framePayloadMax - (striker.below(2) + 2))),
    );
    line.write(rawLastChunk);
    return line.outcome(patienceMs);
  },
};

/** Sends bodies at one byte every three seconds. */
export const slowBodies: Attack = {
  name: 'bodies, a byte in 3 s',
  connections: 64,
  pauseMs: 1000,
  strike: async (striker) => {
    const line = learnerRequest(striker);
    line.write(rawChunk(rawFrameHead(64)));
    while (await line.hold(3000)) line.write(oneByte);
    return line.outcome(0);
  },
};
