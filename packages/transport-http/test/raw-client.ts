/** A client that talks to a member byte by byte. */
import { connect, type Socket } from 'node:net';
import { encodeHandshake, handshakeHeader, type Handshake } from '../src/connections/handshake.ts';
import { until, type Member } from './support.ts';

/** A connection that keeps its own half open until it is told otherwise. */
export class RawClient {
  readonly socket: Socket;
  /** The received bytes as text. */
  text = '';
  hasEnded = false;
  isClosed = false;

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.socket.on('data', (chunk: Buffer) => void (this.text += chunk.toString('latin1')));
    this.socket.on('end', () => (this.hasEnded = true));
    this.socket.on('close', () => (this.isClosed = true));
    this.socket.on('error', () => undefined);
  }

  write(bytes: string | Uint8Array): void {
    if (!this.socket.destroyed) this.socket.write(bytes);
  }

  /** Resolves when the other side has closed the connection completely, so that writes fail. */
  async untilGone(): Promise<void> {
    await until(() => {
      this.write('x');
      return this.isClosed;
    });
  }
}

/** The handshake of a member `from` to `to`, correct except for the given changes. */
export function handshakeOf(to: Member, given: Partial<Handshake> = {}): Handshake {
  return {
    protocol: { min: 1, max: 1 },
    clusterId: 1n,
    groupId: 0n,
    from: 1n,
    to: to.id,
    address: '127.0.0.1:1',
    entryBytesMax: 1024 * 1024,
    messageBytesMax: 1024 * 1024,
    features: [],
    ...given,
  };
}

/** The head of a request, up to the empty line. */
export function headOf(
  route: string,
  handshake: Handshake | string | undefined,
  headers: readonly string[] = [],
): string {
  const said = typeof handshake === 'object' ? encodeHandshake(handshake) : handshake;
  const lines = [`${route} HTTP/1.1`, 'Host: member', ...headers];
  if (said !== undefined) lines.push(`${handshakeHeader}: ${said}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

export const upgradeHeaders: readonly string[] = ['Connection: Upgrade', 'Upgrade: babuza-raft'];

export const streamHeadOf = (handshake: Handshake | string | undefined): string =>
  headOf('GET /raft/v1/stream', handshake, upgradeHeaders);
