/**
 * Builds the raw bytes of a misbehaving member, for attacks in tests: handshakes with any content,
 * frames with any content and a valid checksum, requests that never end. Nothing here retries,
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
  /** The header that carries a handshake. */
  readonly handshakeHeader: string;
  /** The header of an answer that names the reason of a refusal. */
  readonly refusalHeader: string;
  /** The header with the byte offset at which a snapshot resumes. */
  readonly offsetHeader: string;
} = { paths, handshakeHeader, refusalHeader, offsetHeader };

export type RawHandshake = Handshake;

/** The fields that a handshake must be given. The others default to what a member sends. */
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

/** The introduction of the node in a handshake. */
export interface RawIntroduction {
  /** 32 hexadecimal digits. The other members bind the node id to it. */
  readonly logId: string;
  readonly startCount: number;
  /** A random number for this start of the node. */
  readonly run: number;
  readonly lastIndex: number;
  readonly commitIndex: number;
}

export const encodeRawIntroduction = (introduction: RawIntroduction): string =>
  JSON.stringify({ ...introduction, marks: [] });

/**
 * The head of a request including the empty line. A handshake given as a text is sent unchanged.
 */
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

/** A frame with any payload and a valid checksum. */
export const rawFrame = (payload: Uint8Array): Buffer =>
  Buffer.concat([frameHead(payload), payload]);

/**
 * The head of a frame with this length and a checksum of 0, which is wrong for almost every
 * payload.
 */
export function rawFrameHead(payloadBytes: number): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(payloadBytes, 0);
  return head;
}

/** A frame with these messages. */
export function rawMessages(messages: readonly Message[]): Buffer {
  const bytes = messages.reduce((sum, message) => sum + sizeInFrame(message), 0);
  return encodeMessages(messages, bytes);
}

/** A chunk of a body with `Transfer-Encoding: chunked`. */
export function rawChunk(bytes: Uint8Array): Buffer {
  const head = Buffer.from(`${bytes.length.toString(16)}\r\n`);
  return Buffer.concat([head, bytes, Buffer.from('\r\n')]);
}

/** The end of a chunked body. */
export const rawLastChunk: Buffer = Buffer.from('0\r\n\r\n');

export interface RawConnectOptions {
  readonly host: string;
  readonly port: number;
  /** The local address of the connection; the system chooses it by default. */
  readonly localAddress?: string | undefined;
  /**
   * Uses TLS if given. Certificates and keys are in PEM; without them no certificate is presented.
   */
  readonly tls?:
    | { readonly cert?: string | undefined; readonly key?: string | undefined }
    | undefined;
}

/**
 * Opens a connection and accepts every certificate. Errors close it silently. Bytes that are
 * written before it is open are sent once it is.
 */
export function rawConnect({ host, port, localAddress, tls }: RawConnectOptions): Duplex {
  const endpoint = {
    host,
    port,
    noDelay: true,
    ...(localAddress === undefined ? {} : { localAddress }),
  };
  const connection =
    tls === undefined
      ? connectPlain(endpoint)
      : connectTls({
          ...endpoint,
          rejectUnauthorized: false,
          ALPNProtocols: ['http/1.1'],
          ...(tls.cert === undefined ? {} : { cert: tls.cert }),
          ...(tls.key === undefined ? {} : { key: tls.key }),
        });
  return connection.on('error', () => undefined);
}
