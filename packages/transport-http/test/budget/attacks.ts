/** The data that a hostile peer sends on a connection to use up memory. */
import { connect, type Socket } from 'node:net';
import { EntryType, MessageType, newMessage } from '@babuza/raftpb';
import {
  encodeHandshake,
  handshakeHeader,
  protocolVersions,
} from '../../src/connections/handshake.ts';
import { encodeMessages, frameHead, sizeInFrame } from '../../src/messages/frames.ts';
import { clock, mebibyte } from '../support.ts';

/** The largest frame of a member with entries of 1 MiB. */
const frameBytesMax = 3 * mebibyte;

const heads = (route: string, from: bigint, headers: readonly string[]): Buffer => {
  const said = encodeHandshake({
    protocol: protocolVersions,
    clusterId: 1n,
    groupId: 0n,
    from,
    to: 2n,
    address: from === 3n ? '127.0.0.1:2' : '127.0.0.1:3',
    entryBytesMax: mebibyte,
    messageBytesMax: mebibyte,
    features: [],
  });
  const lines = [`${route} HTTP/1.1`, 'Host: a', `${handshakeHeader}: ${said}`, ...headers];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
};

const upgrade = ['Connection: Upgrade', 'Upgrade: babuza-raft'];
const streamHead = (from: bigint): Buffer => heads('GET /raft/v1/stream', from, upgrade);

/** All but the last byte of the largest frame. */
const cutFrame: Buffer = Buffer.concat([
  frameHead(Buffer.alloc(frameBytesMax)),
  Buffer.alloc(frameBytesMax - 1),
]);

const framed = (payload: Buffer): Buffer => Buffer.concat([frameHead(payload), payload]);

/** A frame of the largest size with as many empty entries as possible. */
export const emptyEntries: Buffer = (() => {
  const message = Buffer.alloc(frameBytesMax - 4);
  for (let at = 0; at + 1 < message.length; at += 2) message[at] = 0x3a;
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  return framed(Buffer.concat([length, message]));
})();

/** Entries that the node cannot take yet: many frames of 1 MiB. */
function appends(from: bigint): Buffer {
  const data = Buffer.alloc(mebibyte - 1000);
  const entry = { type: EntryType.Normal, term: 1, index: 1, data };
  const message = newMessage({ type: MessageType.App, from, to: 2n, term: 1, entries: [entry] });
  const frame = encodeMessages([message], sizeInFrame(message));
  return Buffer.concat([frame, frame, frame, frame]);
}

const largeHeader = `X-Much: ${'x'.repeat(14_000)}`;
const chunked = 'Transfer-Encoding: chunked';
const inChunk = (bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);

/** A question about a snapshot that the node never answers, and many requests behind it. */
function pipelined(from: bigint): Buffer {
  const metadata = {
    index: 1,
    term: 1,
    confState: {
      voters: [1n],
      learners: [],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    },
  };
  const snapshot = { metadata, data: Buffer.alloc(10) };
  const message = newMessage({ type: MessageType.Snap, from, to: 2n, term: 1, snapshot });
  const body = encodeMessages([message], sizeInFrame(message)).subarray(12);
  const frame = framed(body);
  const length = `Content-Length: ${frame.length}`;
  const request = Buffer.concat([
    heads('POST /raft/v1/snapshots/received', from, [length, largeHeader]),
    frame,
  ]);
  return Buffer.concat(Array.from({ length: 60 }, () => request));
}

export const attacks: Readonly<Record<string, (from: bigint) => Buffer>> = {
  'half-sent large frames on streams': (from) => Buffer.concat([streamHead(from), cutFrame]),
  'half-sent bodies with a length': (from) =>
    Buffer.concat([
      heads('POST /raft/v1/messages', from, ['Content-Length: 99999999999']),
      cutFrame,
    ]),
  'half-sent bodies in chunks without an end': (from) =>
    Buffer.concat([heads('POST /raft/v1/messages', from, [chunked]), inChunk(cutFrame)]),
  'half-sent snapshots': (from) =>
    Buffer.concat([
      heads('POST /raft/v1/snapshots', from, [chunked, 'babuza-offset: 0']),
      inChunk(cutFrame),
    ]),
  'frames of empty entries': (from) => Buffer.concat([streamHead(from), emptyEntries]),
  'heads as large as they may be': (from) =>
    heads('POST /raft/v1/messages', from, [largeHeader, 'Content-Length: 8']),
  'requests behind each other': pipelined,
  'entries that the node does not take': (from) => Buffer.concat([streamHead(from), appends(from)]),
};

/** Writes to a member and checks whether it still reads. */
export class Attacker {
  readonly #sockets: Socket[] = [];

  /** `from` returns the node id that each connection claims. */
  async attack(
    port: number,
    connections: number,
    bytesOf: (number: number) => Buffer,
  ): Promise<void> {
    for (let number = 0; number < connections; number += 1) {
      const socket = connect({ port, host: '127.0.0.1' });
      socket.on('error', () => undefined);
      socket.resume();
      socket.write(bytesOf(number));
      this.#sockets.push(socket);
    }
    await this.#untilNothingMoves();
  }

  /** Resolves when no more bytes are read and no more connections end. */
  async #untilNothingMoves(): Promise<void> {
    let before = '';
    for (let same = 0; same < 8;) {
      await clock.sleep(50);
      const open = this.#sockets.filter(({ destroyed }) => !destroyed);
      const waiting = open.reduce((sum, { writableLength }) => sum + writableLength, 0);
      const now = `${open.length} ${waiting} ${open.some(({ connecting }) => connecting)}`;
      same = now === before && !now.endsWith('true') ? same + 1 : 0;
      before = now;
    }
  }

  end(): void {
    for (const socket of this.#sockets.splice(0)) socket.destroy();
  }
}
