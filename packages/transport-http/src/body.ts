/** The bodies of requests as they arrive: bounded in size and in the time that nothing comes. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '@babuza/vfs';
import { TransportError } from './errors.ts';
import { FrameReader } from './frames.ts';
import { startStallWatch } from './stall-watch.ts';
import type { Wire } from './wire.ts';

/**
 * The payloads of the frames of a body, at the pace of the reader.
 *
 * Throws a TransportError: `TRANSPORT_PROTOCOL` for what are no frames, `TRANSPORT_BROKEN` when it ends in the middle of one
 * or nothing comes for `stallTimeoutMs`.
 */
export async function* framesOf(
  body: IncomingMessage,
  clock: Clock,
  stallTimeoutMs: number,
  payloadBytesMax: number,
): AsyncGenerator<Buffer, void, void> {
  const reader = new FrameReader(payloadBytesMax);
  // Who wants no more may still have to answer on this connection.
  const chunks: AsyncIterator<Buffer> = body.iterator({ destroyOnReturn: false });
  try {
    for (;;) {
      const next = await nextWithin(chunks, body, clock, stallTimeoutMs);
      if (next.done === true) break;
      yield* reader.push(next.value);
    }
  } finally {
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

/** Connections whose end has been decided. */
const ending = new WeakSet<Duplex>();

/** Whether a connection is closed, or `closeAfter` closes it soon. */
export const isEnding = (socket: Duplex): boolean => socket.destroyed || ending.has(socket);

/**
 * Closes the connection of a request that was answered before all of it was read. What still comes is dropped first, for a
 * limited time: a connection that is closed over unread bytes takes the answer with it. Nothing happens where the
 * connection is ending already.
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
