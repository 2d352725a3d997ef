/** Doors between a client and a node that lose answers, and nodes that are none. */
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Heard {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

export class Door implements AsyncDisposable {
  readonly heard: Heard[] = [];
  readonly #server;
  #url = '';

  private constructor(answer: (request: IncomingMessage, response: ServerResponse) => void) {
    this.#server = createServer((request, response) => {
      const { method = '', url = '', headers } = request;
      this.heard.push({ method, path: url, headers });
      request.on('error', () => undefined);
      answer(request, response);
    });
  }

  get url(): string {
    return this.#url;
  }

  /** Something that speaks HTTP and is no node. */
  static async open(
    answer: (request: IncomingMessage, response: ServerResponse) => void,
  ): Promise<Door> {
    const door = new Door(answer);
    await new Promise<void>((resolve) => door.#server.listen(0, '127.0.0.1', resolve));
    const { port } = door.#server.address() as AddressInfo;
    door.#url = `http://127.0.0.1:${port}`;
    return door;
  }

  /**
   * In front of a node: where `loses` says so the node gets the request, and the client no answer.
   */
  static before(target: () => string, loses: (heard: Heard) => boolean): Promise<Door> {
    return Door.open((incoming, response) => {
      const { method = '', url = '', headers } = incoming;
      const { hostname, port } = new URL(target());
      const going = request({ hostname, port, method, path: url, headers }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () => {
          if (loses({ method, path: url, headers })) response.destroy();
          else
            response.writeHead(answer.statusCode ?? 0, answer.headers).end(Buffer.concat(chunks));
        });
      });
      going.on('error', () => response.destroy());
      incoming.pipe(going);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }
}

export const jsonDoor = (status: number, value: unknown): Promise<Door> =>
  Door.open((request, response) => {
    request.resume();
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  });
