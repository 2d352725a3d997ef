/**
 * Keeps the requests of a connection in their order. Node.js emits a request while those before it
 * on the same connection are not answered yet; if it were served at once, the messages of both
 * would reach the node in a mixed order.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** How many requests of a connection may be without an answer. A member waits for each answer. */
const unansweredMax = 64;

/** The requests of one connection. */
interface Requests {
  unanswered: number;
  /** Resolves when the last one that has come is served. */
  serving?: Promise<void>;
}

export class RequestOrder {
  readonly #requests = new WeakMap<Duplex, Requests>();

  /** Whether bytes that are sent now would come before or within the answer to a request. */
  hasUnanswered(connection: Duplex): boolean {
    return this.#of(connection).unanswered > 0;
  }

  /**
   * Calls `serve` when the requests before this one on its connection are served: at once where
   * there are none. `serve` must not reject. More than 64 requests without an answer end the
   * connection: each costs memory, and nothing else would bound their number.
   */
  add({ socket }: IncomingMessage, response: ServerResponse, serve: () => Promise<void>): void {
    const requests = this.#of(socket);
    requests.unanswered += 1;
    response.once('finish', () => (requests.unanswered -= 1));
    if (requests.unanswered > unansweredMax) socket.destroy();
    requests.serving = requests.serving?.then(serve) ?? serve();
  }

  #of(connection: Duplex): Requests {
    const requests = this.#requests.get(connection) ?? { unanswered: 0 };
    this.#requests.set(connection, requests);
    return requests;
  }
}
