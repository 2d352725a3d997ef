/** Reads the bodies of requests, limited in size and in the time without data. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '@babuza/vfs';
import { TransportError } from '../errors.ts';
import type { Claim, IncomingBudget } from '../budget/incoming-budget.ts';
import { bytesPerSecondMin, RateWatch } from '../budget/rate-watch.ts';
import { FrameReader } from './frame-reader.ts';
import { startStallWatch } from '../connections/stall-watch.ts';
import type { Wire } from '../wire.ts';

/**
 * Yields the payloads of the frames in a body as fast as the caller takes them.
 *
 * Throws a TransportError: `TRANSPORT_PROTOCOL` if the bytes are not valid frames.
 * `TRANSPORT_BROKEN` if the body ends within a frame, nothing arrives for `stallTimeoutMs`, or less
 * than 64 bytes per second arrive while it waits. With `from`, the memory of large frames is
 * reserved; it is released when the caller asks for the next frame or ends the loop.
 */
export async function* framesOf(
  body: IncomingMessage,
  clock: Clock,
  stallTimeoutMs: number,
  payloadBytesMax: number,
  from?: { readonly budget: IncomingBudget; readonly id: bigint },
): AsyncGenerator<Buffer, void, void> {
  const memory = from === undefined ? undefined : new BodyMemory(body, from.budget, from.id);
  const reader = new FrameReader(payloadBytesMax, memory?.claim);
  const rate = new RateWatch(clock, stallTimeoutMs);
  // A caller that stops early may still have to answer on this connection.
  const chunks: AsyncIterator<Buffer> = body.iterator({ destroyOnReturn: false });
  try {
    for (;;) {
      rate.wait();
      const next = await nextWithin(chunks, body, clock, stallTimeoutMs);
      if (next.done === true) break;
      if (!rate.came(next.value.length)) throw tooSlow();
      reader.add(next.value);
      do {
        await memory?.granted();
        for (let payload = reader.next(); payload !== undefined; payload = reader.next()) {
          yield payload;
        }
      } while (reader.isWaiting);
    }
  } finally {
    memory?.end();
    reader.drop();
    await chunks.return?.();
  }
  if (!reader.isWhole) throw broken('it ended in the middle of a frame');
}

async function nextWithin(
  chunks: AsyncIterator<Buffer>,
  body: IncomingMessage,
  clock: Clock,
  stallTimeoutMs: number,
): Promise<IteratorResult<Buffer>> {
  const timer = startStallWatch(clock, stallTimeoutMs, () => {
    body.destroy(broken(`nothing came for ${stallTimeoutMs} ms`));
  });
  try {
    return await chunks.next();
  } catch (error) {
    throw error instanceof TransportError ? error : broken('the connection broke', error);
  } finally {
    timer.cancel();
  }
}

const tooSlow = (): TransportError =>
  broken(`less than ${bytesPerSecondMin} bytes per second arrived`);

/** The reservation of a body, and the promise of the reader that waits for it. */
class BodyMemory {
  readonly claim: Claim;
  readonly #body: IncomingMessage;
  #settle: (error?: TransportError) => void = () => undefined;
  readonly #onClose = (): void => this.#settle(broken('the connection was closed'));

  constructor(body: IncomingMessage, budget: IncomingBudget, from: bigint) {
    this.#body = body;
    this.claim = budget.newClaim(
      from,
      () => this.#settle(),
      (error) => body.destroy(error),
    );
    body.once('close', this.#onClose);
  }

  /** Resolves when the memory for the current frame was granted; at once if no frame waits. */
  async granted(): Promise<void> {
    if (this.claim.state !== 'waiting') return;
    if (this.#body.destroyed) throw broken('the connection was closed');
    await new Promise<void>((resolve, reject) => {
      this.#settle = (error) => (error === undefined ? resolve() : reject(error));
    });
  }

  end(): void {
    this.#body.off('close', this.#onClose);
  }
}

/** Connections that are about to be closed. */
const ending = new WeakSet<Duplex>();

/** Whether a connection is closed, or `closeAfter` will close it. */
export const isEnding = (socket: Duplex): boolean => socket.destroyed || ending.has(socket);

/**
 * Closes the connection of a request that was answered before its body was read. The rest of the
 * body is read and dropped first, for at most the stall timeout. Closing a connection with unread
 * bytes resets it, and the other side could lose the answer. Does nothing if the connection is
 * already being closed.
 */
export function closeAfter(
  request: IncomingMessage,
  { clock, settings }: Pick<Wire, 'clock' | 'settings'>,
): void {
  const { socket } = request;
  if (isEnding(socket)) return;
  ending.add(socket);
  if (request.readableEnded) {
    socket.destroySoon();
    return;
  }
  const timer = clock.startTimer(settings.stallTimeoutMs, () => socket.destroy());
  socket.once('close', () => timer.cancel());
  request.once('end', () => socket.destroySoon());
  request.resume();
}

function broken(why: string, cause?: unknown): TransportError {
  return new TransportError('TRANSPORT_BROKEN', `a body is incomplete: ${why}`, { cause });
}
