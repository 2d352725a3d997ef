/**
 * Keeps the requests of a connection in their order. Node.js emits a request while those before it
 * on the same connection are not answered yet; if it were served at once, the messages of both
 * would reach the node in a mixed order.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** How many requests of a connection may be without an answer. A member waits for each answer. */
const unansweredMax = 64;

export class RequestOrder {
  /** How many requests wait for their answer on each connection. */
  readonly #unanswered = new WeakMap<Duplex, number>();
  /** Resolves when the last request that has come on a connection is served. */
  readonly #serving = new WeakMap<Duplex, Promise<void>>();

  /** Whether bytes that are sent now would come before or within the answer to a request. */
  hasUnanswered(connection: Duplex): boolean {
    return (this.#unanswered.get(connection) ?? 0) > 0;
  }

  /**
   * Calls `serve` when the requests before this one on its connection are served: at once where
   * there are none. `serve` must not reject. More than 64 requests without an answer end the
   * connection: each costs memory, and nothing else would bound their number.
   */
  add({ socket }: IncomingMessage, response: ServerResponse, serve: () => Promise<void>): void {
    if ((this.#unanswered.get(socket) ?? 0) >= unansweredMax) {
      socket.destroy();
      return;
    }
    this.#count(socket, 1);
    response.once('finish', () => this.#count(socket, -1));
    const serving = this.#serving.get(socket)?.then(serve) ?? serve();
    this.#serving.set(socket, serving);
  }

  #count(connection: Duplex, more: 1 | -1): void {
    this.#unanswered.set(connection, (this.#unanswered.get(connection) ?? 0) + more);
  }
}
