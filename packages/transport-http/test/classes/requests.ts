/**
 * Requests and answers without a network: tests push the incoming bytes, and written bytes are
 * recorded.
 */
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { frameHead } from '../../src/messages/frames.ts';

interface Written {
  readonly chunk: Buffer | string;
  readonly encoding: BufferEncoding;
}

/** A connection whose other end is controlled by the test. */
export class FakeSocket extends Socket {
  readonly written: Buffer[] = [];
  /** While it is true, written bytes do not leave. */
  isStuck = false;
  #pending: (() => void)[] = [];

  override _write(chunk: Buffer | string, encoding: BufferEncoding, done: () => void): void {
    this.#keep([{ chunk, encoding }], done);
  }

  override _writev(chunks: Written[], done: () => void): void {
    this.#keep(chunks, done);
  }

  override _final(done: () => void): void {
    done();
  }

  override _read(): void {}

  #keep(chunks: readonly Written[], done: () => void): void {
    for (const { chunk, encoding } of chunks) {
      this.written.push(Buffer.isBuffer(chunk) ? Buffer.from(chunk) : Buffer.from(chunk, encoding));
    }
    if (this.isStuck) this.#pending.push(done);
    else done();
  }

  /** Lets the written bytes leave. */
  unstick(): void {
    this.isStuck = false;
    for (const done of this.#pending.splice(0)) done();
  }

  get text(): string {
    return Buffer.concat(this.written).toString('latin1');
  }
}

export interface FakeExchange {
  readonly socket: FakeSocket;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** A request whose head has arrived. The test pushes its body; `null` ends it. */
export function exchangeOf(headers: Readonly<Record<string, string>> = {}): FakeExchange {
  const socket = new FakeSocket();
  const request = new IncomingMessage(socket);
  Object.assign(request.headers, headers);
  request.httpVersionMajor = 1;
  request.httpVersionMinor = 1;
  const response = new ServerResponse(request);
  response.assignSocket(socket);
  socket.once('close', () => request.destroy());
  request.on('error', () => undefined);
  return { socket, request, response };
}

/** A whole frame. */
export const frameOf = (payload: Uint8Array): Buffer =>
  Buffer.concat([frameHead(payload), payload]);
