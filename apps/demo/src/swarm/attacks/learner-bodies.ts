/** Bodies of the hostile learner that are to cost memory, or connections. */
import { randomBytes } from 'node:crypto';
import { encodeMessage, MessageType, newMessage } from '@babuza/raftpb';
import { rawChunk, rawFrame, rawFrameHead, rawLastChunk } from '@babuza/transport-http/testing';
import type { Attack } from '../attack.ts';
import { learnerId, learnerRequest } from './learner.ts';

const mebibyte = 1024 * 1024;
/** The largest frame that a member of this cluster takes. */
const framePayloadMax = 3 * mebibyte;
const patienceMs = 5000;

const halfFrame = rawChunk(
  Buffer.concat([rawFrameHead(framePayloadMax), randomBytes(framePayloadMax - 4096)]),
);
const oneByte = rawChunk(Buffer.alloc(1));

/** Large frames whose end does not come: they are kept open with a byte each second. */
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

/** A message of many empty entries, two bytes each: field 7 of a message, without content. */
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

/** Bodies of which a byte comes every three seconds. */
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
