/**
 * The bytes of a member that keeps to no rule, for attacks in tests: handshakes with any content,
 * frames with any content and a right checksum, requests that never end. Nothing here retries,
 * waits or checks an answer.
 */
import { connect as connectPlain } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import type { Message } from '@babuza/raftpb';
import { encodeMessages, frameHead, sizeInFrame } from '../messages/frames.ts';
import {
  encodeHandshake,
  handshakeHeader,
  protocolVersions,
  type Handshake,
} from '../connections/handshake.ts';
import { offsetHeader } from '../snapshots/snapshot-sender.ts';
import { paths, refusalHeader, streamProtocol } from '../wire.ts';

/** The paths and headers of the protocol. */
export const rawProtocol: {
  readonly paths: typeof paths;
  /** The header that a handshake travels in. */
  readonly handshakeHeader: string;
  /** The header of an answer that names the reason of a refusal. */
  readonly refusalHeader: string;
  /** The header that says at which byte a snapshot begins. */
  readonly offsetHeader: string;
} = { paths, handshakeHeader, refusalHeader, offsetHeader };

export type RawHandshake = Handshake;

/** What must be known of a member to speak to it. The other fields are as a member sends them. */
export type RawHandshakeFields = Partial<Handshake> &
  Pick<Handshake, 'clusterId' | 'from' | 'to' | 'address'>;

const mebibyte = 1024 * 1024;

export function rawHandshake(fields: RawHandshakeFields): RawHandshake {
  return {
    protocol: protocolVersions,
    groupId: 0n,
    entryBytesMax: 8 * mebibyte,
    messageBytesMax: mebibyte,
    features: [],
    ...fields,
  };
}

/** What the node of a member says of itself in its handshake. */
export interface RawIntroduction {
  /** 32 hexadecimal digits; the others bind the member's id to it. */
  readonly logId: string;
  readonly startCount: number;
  /** A number of this start. */
  readonly run: number;
  readonly lastIndex: number;
  readonly commitIndex: number;
}

export const encodeRawIntroduction = (introduction: RawIntroduction): string =>
  JSON.stringify({ ...introduction, marks: [] });

/** The head of a request up to the empty line. A text is sent as it is in place of a handshake. */
export function rawHead(
  method: string,
  path: string,
  handshake: RawHandshake | string | undefined,
  headers: Readonly<Record<string, string>> = {},
): string {
  const said = typeof handshake === 'object' ? encodeHandshake(handshake) : handshake;
  const all = {
    Host: 'member',
    ...headers,
    ...(said === undefined ? {} : { [handshakeHeader]: said }),
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** The head of a request that asks for a stream of messages. */
export const rawStreamHead = (handshake: RawHandshake | string): string =>
  rawHead('GET', paths.stream, handshake, { Connection: 'Upgrade', Upgrade: streamProtocol });

/** A frame with a right checksum, whatever the payload is. */
export const rawFrame = (payload: Uint8Array): Buffer =>
  Buffer.concat([frameHead(payload), payload]);

/** The head of a frame that promises so many bytes, of which none have a right checksum. */
export function rawFrameHead(payloadBytes: number): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(payloadBytes, 0);
  return head;
}

/** One frame with these messages. */
export function rawMessages(messages: readonly Message[]): Buffer {
  const bytes = messages.reduce((sum, message) => sum + sizeInFrame(message), 0);
  return encodeMessages(messages, bytes);
}

/** A piece of a body whose length is not told in the head (`Transfer-Encoding: chunked`). */
export function rawChunk(bytes: Uint8Array): Buffer {
  const head = Buffer.from(`${bytes.length.toString(16)}\r\n`);
  return Buffer.concat([head, bytes, Buffer.from('\r\n')]);
}

/** The end of such a body. */
export const rawLastChunk: Buffer = Buffer.from('0\r\n\r\n');

export interface RawConnectOptions {
  readonly host: string;
  readonly port: number;
  /** The address that the connection comes from; chosen by the system by default. */
  readonly localAddress?: string | undefined;
  /**
   * Absent: without TLS. Certificates and keys are in PEM; no certificate is shown without them.
   */
  readonly tls?:
    | { readonly cert?: string | undefined; readonly key?: string | undefined }
    | undefined;
}

/**
 * Opens a connection, and takes every certificate of the other side. Errors end it without a word.
 * What is written before it is open is sent then.
 */
export function rawConnect({ host, port, localAddress, tls }: RawConnectOptions): Duplex {
  const place = {
    host,
    port,
    noDelay: true,
    ...(localAddress === undefined ? {} : { localAddress }),
  };
  const connection =
    tls === undefined
      ? connectPlain(place)
      : connectTls({
          ...place,
          rejectUnauthorized: false,
          ALPNProtocols: ['http/1.1'],
          ...(tls.cert === undefined ? {} : { cert: tls.cert }),
          ...(tls.key === undefined ? {} : { key: tls.key }),
        });
  return connection.on('error', () => undefined);
}
