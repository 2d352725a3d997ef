/**
 * Serves the requests of a connection one after the other. Node.js emits a request even if earlier
 * ones on the same connection have not been answered; serving it at once would mix the messages of
 * both requests.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * The most requests without an answer on one connection. A member sends one and waits for its
 * answer, so only a faulty or hostile client exceeds this.
 */
const unansweredMax = 64;
/**
 * A generous estimate of the memory that the objects of a request take, apart from its head, in
 * bytes.
 */
const requestBytes = 8192;
/**
 * In the worst case a head is kept twice, raw and parsed, as strings of two bytes per character.
 */
const bytesPerCharacter = 4;
/** Waiting requests may take this share of `incomingBytesMax`, in addition to it. */
const shareOfBudget = 1 / 16;

/** The requests of one connection. */
interface Requests {
  unanswered: number;
  /** Resolves when the last request that has arrived is served. */
  serving?: Promise<void>;
}

export class RequestOrder {
  readonly #requests = new WeakMap<Duplex, Requests>();
  readonly #waitingBytesMax: number;
  /** Memory of the requests that wait for earlier ones, over all connections, in bytes. */
  #waitingBytes = 0;

  /** `incomingBytesMax` is the value of the option. */
  constructor(incomingBytesMax: number) {
    this.#waitingBytesMax = incomingBytesMax * shareOfBudget;
  }

  /** The memory of the requests that wait for earlier ones, in bytes. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /**
   * Whether the connection has unanswered requests, so that bytes sent now would arrive before or
   * within an answer.
   */
  hasUnanswered(connection: Duplex): boolean {
    return this.#of(connection).unanswered > 0;
  }

  /**
   * Calls `serve`, which must not reject, when the earlier requests on this connection have been
   * served; at once if there are none. Each waiting request costs memory, and nothing else bounds
   * their number. So the connection is closed if it has more than 64 unanswered requests, or if the
   * waiting requests of all connections together exceed their share of the memory.
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
