/** The bodies of requests as they arrive: bounded in size and in the time that nothing comes. */
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
 * The payloads of the frames of a body, at the pace of the reader.
 *
 * Throws a TransportError: `TRANSPORT_PROTOCOL` for what are no frames, `TRANSPORT_BROKEN` when it
 * ends in the middle of one, nothing comes for `stallTimeoutMs`, or less than 64 bytes a second
 * come while it is waited for. With `from` the memory of large frames is reserved; that of a frame
 * is given back when the next one is asked for, or the reader ends.
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
  // Who wants no more may still have to answer on this connection.
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
  broken(`it came with less than ${bytesPerSecondMin} bytes a second`);

/** What the frames of a body reserve, and who waits for it. */
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

  /** Resolves when a frame that waits for its memory has it, at once where none waits. */
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

/** Connections whose end has been decided. */
const ending = new WeakSet<Duplex>();

/** Whether a connection is closed, or `closeAfter` closes it soon. */
export const isEnding = (socket: Duplex): boolean => socket.destroyed || ending.has(socket);

/**
 * Closes the connection of a request that was answered before all of it was read. What still comes
 * is dropped first, for a limited time: a connection that is closed over unread bytes takes the
 * answer with it. Nothing happens where the connection is ending already.
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
  return new TransportError('TRANSPORT_BROKEN', `a body did not arrive whole: ${why}`, { cause });
}
