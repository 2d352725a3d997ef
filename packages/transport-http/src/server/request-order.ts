/**
 * Keeps the requests of a connection in their order. Node.js emits a request while those before it
 * on the same connection are not answered yet; if it were served at once, the messages of both
 * would reach the node in a mixed order.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** How many requests of a connection may be without an answer. A member waits for each answer. */
const unansweredMax = 64;
/** What the objects of a request take beside its head, in bytes, amply. */
const requestBytes = 8192;
/**
 * The heads of waiting requests are texts of two bytes a character in the worst case, raw and
 * parsed.
 */
const bytesPerCharacter = 4;
/** Of the memory of all that arrives, waiting requests may take so much beside. */
const shareOfBudget = 1 / 16;

/** The requests of one connection. */
interface Requests {
  unanswered: number;
  /** Resolves when the last one that has come is served. */
  serving?: Promise<void>;
}

export class RequestOrder {
  readonly #requests = new WeakMap<Duplex, Requests>();
  readonly #waitingBytesMax: number;
  /** Of requests that wait for those before them, on all connections. */
  #waitingBytes = 0;

  /** `incomingBytesMax`: as the option has it. */
  constructor(incomingBytesMax: number) {
    this.#waitingBytesMax = incomingBytesMax * shareOfBudget;
  }

  /** What requests take that wait for others, in bytes. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Whether bytes that are sent now would come before or within the answer to a request. */
  hasUnanswered(connection: Duplex): boolean {
    return this.#of(connection).unanswered > 0;
  }

  /**
   * Calls `serve` when the requests before this one on its connection are served: at once where
   * there are none. `serve` must not reject. More than 64 requests without an answer end the
   * connection, and so does one that waits while those that wait on all connections take their part
   * of the memory: each costs memory, and nothing else would bound their number.
   */
  add(request: IncomingMessage, response: ServerResponse, serve: () => Promise<void>): void {
    const { socket } = request;
    const requests = this.#of(socket);
    requests.unanswered += 1;
    response.once('finish', () => (requests.unanswered -= 1));
    if (requests.unanswered > unansweredMax) socket.destroy();
    if (requests.unanswered === 1 || requests.serving === undefined) {
      requests.serving = requests.serving?.then(serve) ?? serve();
      return;
    }
    const bytes = bytesOf(request);
    if (this.#waitingBytes + bytes > this.#waitingBytesMax) socket.destroy();
    this.#waitingBytes += bytes;
    requests.serving = requests.serving.then(() => {
      this.#waitingBytes -= bytes;
      return serve();
    });
  }

  #of(connection: Duplex): Requests {
    const requests = this.#requests.get(connection) ?? { unanswered: 0 };
    this.#requests.set(connection, requests);
    return requests;
  }
}

function bytesOf({ rawHeaders, url = '' }: IncomingMessage): number {
  const characters = rawHeaders.reduce((sum, text) => sum + text.length, url.length);
  return requestBytes + characters * bytesPerCharacter;
}
