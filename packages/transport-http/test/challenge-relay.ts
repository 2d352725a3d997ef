/**
 * A process without the secret that answers for a member by passing its challenge on to another
 * one.
 */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { answerBytes, openingBytes, proofBytes } from '../src/access/secret.ts';
import type { Certificate } from './certificates.ts';

export class ChallengeRelay {
  /** The bytes of the connecting member that belong to the challenge. */
  passedBytes = 0;
  /** The bytes of the other member's answer to the challenge. */
  answeredBytes = 0;
  readonly #server: Server;
  readonly #sockets: Socket[] = [];
  readonly #targetPort: number;
  readonly #forged: Uint8Array;
  readonly #certificate: Certificate | undefined;

  private constructor(targetPort: number, forged: Uint8Array, certificate?: Certificate) {
    this.#targetPort = targetPort;
    this.#forged = forged;
    this.#certificate = certificate;
    const onSocket = (socket: Socket): void => this.#pass(socket);
    this.#server =
      certificate === undefined ? createServer(onSocket) : createTlsServer(certificate, onSocket);
  }

  /**
   * `forged` is sent to the member at `port` after the challenge was relayed. With a certificate it
   * speaks TLS with both sides.
   */
  static async open(
    targetPort: number,
    forged: Uint8Array,
    certificate?: Certificate,
  ): Promise<ChallengeRelay> {
    const relay = new ChallengeRelay(targetPort, forged, certificate);
    await new Promise<void>((resolve) => relay.#server.listen(0, '127.0.0.1', resolve));
    return relay;
  }

  get address(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `127.0.0.1:${port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #pass(client: Socket): void {
    const endpoint = { port: this.#targetPort, host: '127.0.0.1' };
    const target =
      this.#certificate === undefined
        ? connect(endpoint)
        : connectTls({ ...endpoint, ...this.#certificate, rejectUnauthorized: false });
    this.#sockets.push(client, target);
    const whole = openingBytes + proofBytes;
    let passed = 0;
    let answered = 0;
    client.on('data', (chunk: Buffer) => {
      if (passed === whole) return;
      const part = chunk.subarray(0, whole - passed);
      passed += part.length;
      this.passedBytes = Math.max(this.passedBytes, passed);
      target.write(part);
      if (passed === whole) target.write(this.#forged);
    });
    target.on('data', (chunk: Buffer) => {
      answered += chunk.length;
      this.answeredBytes = Math.max(this.answeredBytes, Math.min(answered, answerBytes));
      client.write(chunk);
    });
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      socket.on('error', () => undefined);
      socket.on('close', () => other.destroy());
    }
  }
}
