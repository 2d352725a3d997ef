/** Decoders for the bytes of an HTTP peer: challenge, handshake, and frames with messages. */
import { crc32 } from 'node:zlib';
import { encodeMessage } from '@babuza/raftpb';
import { Finding, refusal, type Decoder, type Outcome, type Target } from '../decoder.ts';
import { joined } from '../forge/mutate-bytes.ts';
import { challenges, frameReaders, frames, handshakes } from '../internals.ts';
import { checkId, roundTrip } from '../round-trip.ts';
import { canonicalHost, shownCertificate } from './certificates.ts';
import { bytesOf, jsonBytes, messagesOfAllTypes } from './samples.ts';

const documented = ['TRANSPORT_PROTOCOL'];
const payloadBytesMax = 4096;
const sampleMessages = messagesOfAllTypes();

const handshake: Decoder = {
  name: 'transport-http/decodeHandshake',
  form: 'json',
  samples: [
    bytesOf(
      handshakes.encodeHandshake({
        protocol: { min: 1, max: 2 ** 53 - 1 },
        clusterId: 2n ** 64n - 1n,
        groupId: 0n,
        from: 1n,
        to: 0n,
        address: 'höst:1',
        entryBytesMax: 1024,
        messageBytesMax: 4096,
        features: ['one', 'two'],
        introduction: '{"logId":"1"}',
      }),
    ),
    jsonBytes({ protocol: { min: 1, max: 1 }, features: Array.from({ length: 70 }, () => 'f') }),
  ],
  run: roundTrip({
    decode: (bytes) => handshakes.decodeHandshake(Buffer.from(bytes).toString('latin1')),
    encode: (value) => bytesOf(handshakes.encodeHandshake(value)),
    documented,
    check: (value) => {
      for (const id of [value.clusterId, value.groupId, value.from, value.to]) {
        checkId('an id of a handshake', id);
      }
      if (/[^ -~]/.test(handshakes.encodeHandshake(value))) {
        throw new Finding('a handshake that is no line of ASCII');
      }
      handshakes.disagreement(value, { ...value, from: value.to, to: value.from });
    },
  }),
};

/** Messages behind their lengths, as the payload of a frame has them. */
function payloadOf(count: number): Uint8Array {
  return joined(
    ...sampleMessages.slice(0, count).flatMap((message) => {
      const bytes = encodeMessage(message);
      const length = new Uint8Array(4);
      new DataView(length.buffer).setUint32(0, bytes.length);
      return [length, bytes];
    }),
  );
}

/** Makes the lengths in front of messages right, from the first on, as far as there are bytes. */
function sealPayload(input: Uint8Array): Uint8Array {
  const sealed = Uint8Array.from(input);
  const view = new DataView(sealed.buffer);
  for (let at = 0; at + 4 <= sealed.length;) {
    const left = sealed.length - at - 4;
    const length = Math.min(view.getUint32(at), left);
    view.setUint32(at, length);
    at += 4 + length;
  }
  return sealed;
}

/** How many lengths lead from the beginning to the end of a payload; -1 where they do not. */
function wholeMessages(input: Uint8Array): number {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  let count = 0;
  let at = 0;
  for (; at + 4 <= input.length; count += 1) at += 4 + view.getUint32(at);
  return at === input.length ? count : -1;
}

const messages: Decoder = {
  name: 'transport-http/decodeMessages',
  form: 'bytes',
  samples: [payloadOf(1), payloadOf(24), new Uint8Array(0)],
  seal: sealPayload,
  run: roundTrip({
    decode: (bytes) =>
      frames.decodeMessages(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
    encode: (decoded) => {
      const bytes = decoded.reduce((sum, message) => sum + frames.sizeInFrame(message), 0);
      return frames.encodeMessages(decoded, bytes).subarray(frames.frameHeadBytes);
    },
    documented,
    check: (decoded, input) => {
      if (decoded.length !== wholeMessages(input)) {
        throw new Finding('a frame passes whose lengths do not lead to its end');
      }
    },
  }),
  weight: 2,
};

const frameBytesBeforeMessage = frames.frameHeadBytes + 4;

/** The message at the head of a snapshot, which is alone in its frame. */
const single: Decoder = {
  name: 'transport-http/decodeSingle',
  form: 'protobuf',
  samples: [payloadOf(1).subarray(4)],
  run: roundTrip({
    decode: (bytes) =>
      frames.decodeSingle(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
    encode: (message) =>
      frames
        .encodeMessages([message], frames.sizeInFrame(message))
        .subarray(frameBytesBeforeMessage),
    documented,
  }),
};

function framed(...payloads: readonly Uint8Array[]): Uint8Array {
  return joined(...payloads.flatMap((payload) => [frames.frameHead(payload), payload]));
}

/** Makes the checksum of each frame right. */
function sealFrames(input: Uint8Array): Uint8Array {
  const sealed = Uint8Array.from(input);
  const view = new DataView(sealed.buffer);
  for (let at = 0; at + frames.frameHeadBytes <= sealed.length;) {
    const start = at + frames.frameHeadBytes;
    const end = start + view.getUint32(at);
    if (end > sealed.length) break;
    view.setUint32(at + 4, crc32(sealed.subarray(start, end)));
    at = end;
  }
  return sealed;
}

/** The payloads that a reader cuts out of a stream which arrives in pieces of this size. */
function payloadsOf(input: Uint8Array, pieceBytes: number): Buffer[] | Error {
  const reader = new frameReaders.FrameReader(payloadBytesMax);
  const payloads: Buffer[] = [];
  try {
    for (let at = 0; at < input.length; at += pieceBytes) {
      // A copy, as each chunk of a socket has memory of its own.
      reader.add(Buffer.from(input.subarray(at, at + pieceBytes)));
      for (let next = reader.next(); next !== undefined; next = reader.next()) payloads.push(next);
      if (reader.pieces > 32) throw new Finding(`${reader.pieces} pieces of a frame are kept`);
    }
  } catch (error) {
    if (error instanceof Finding || !(error instanceof Error)) throw error;
    return error;
  }
  return payloads;
}

const stream: Decoder = {
  name: 'transport-http/FrameReader',
  form: 'bytes',
  samples: [
    framed(bytesOf('payload'), new Uint8Array(0), payloadOf(2)),
    framed(new Uint8Array(payloadBytesMax), bytesOf('x')),
  ],
  // Each byte comes in a piece of its own, too, and a piece is an object.
  allocatedBytesMax: 32 * 1024 * 1024,
  seal: sealFrames,
  run: (input): Outcome => {
    const whole = payloadsOf(input, Math.max(1, input.length));
    const bytewise = payloadsOf(input, 1 + (input.length % 13));
    if (whole instanceof Error || bytewise instanceof Error) {
      if (!(whole instanceof Error && bytewise instanceof Error)) {
        throw new Finding('a stream is refused or not, as its pieces are cut');
      }
      return refusal(whole, documented);
    }
    const isSame = Buffer.concat(whole).equals(Buffer.concat(bytewise));
    if (!isSame || whole.length !== bytewise.length) {
      throw new Finding('the frames of a stream depend on how its pieces are cut');
    }
    return { kind: 'value', value: whole };
  },
};

const secret = Buffer.alloc(challenges.secretBytesMin, 7);
const number = Buffer.alloc(challenges.numberBytes, 3);
/** The values that both ends of a TLS connection share. */
const channel = Buffer.alloc(32, 5);
const opening = challenges.openingOf(secret, number, 2n, channel);
const member = { clusterId: 1n, groupId: 4n, nodeId: 3n };
const answerOfMember = challenges.answerTo(opening, secret, number, member);
const proofForMember = challenges.proofFor(opening, secret, answerOfMember, member);
if (typeof proofForMember === 'string') throw new Error(`there is no proof: ${proofForMember}`);

/**
 * An opening, an answer and a proof: only those pass that were made with the secret for the member
 * that is meant.
 */
const challenge: Decoder = {
  name: 'transport-http/challenge',
  form: 'bytes',
  samples: [
    joined(opening, answerOfMember),
    joined(opening, answerOfMember, proofForMember),
    joined(opening, challenges.answerTo(opening, secret, number, { ...member, nodeId: 2n })),
    joined(opening, challenges.answerTo(opening, secret, number, { ...member, groupId: 3n })),
  ],
  run: (input) => {
    const sizes = [challenges.openingBytes, challenges.answerBytes, challenges.proofBytes];
    let at = 0;
    // The reader of a connection waits until it has the whole number of bytes.
    const [said, answer, proof] = sizes.map((bytes) => {
      const part = Buffer.alloc(bytes);
      part.set(input.subarray(at, at + bytes));
      at += bytes;
      return part;
    });
    if (said === undefined || answer === undefined || proof === undefined) {
      throw new Error('there are three parts');
    }
    const known = challenges.secretOf([secret], said, channel);
    const answered = challenges.proofFor(said, secret, answer, member);
    const isProven = challenges.isProof(said, secret, answer, proof);
    const isElsewhere = challenges.secretOf([secret], said, challenges.noChannel) !== undefined;
    if (isElsewhere || (known !== undefined && !said.equals(opening))) {
      throw new Finding('an opening passes that was not made with the secret');
    }
    if (isProven && known === undefined) throw new Finding('a proof passes without an opening');
    if (typeof answered !== 'string' && !answer.equals(answerOfMember)) {
      throw new Finding('an answer passes that the member which is meant did not make');
    }
    return { kind: 'value', value: [known !== undefined, typeof answered, isProven] };
  },
};

export const http: Target = {
  name: 'http',
  description: 'the challenge, the certificate, the handshake and the frames of a peer',
  decoders: [handshake, messages, single, stream, challenge, shownCertificate, canonicalHost],
};
