/** The bodies of requests as they arrive: bounded in size and in the time that nothing comes. */
import type { IncomingMessage } from 'node:http';
import type { Clock } from '@babuza/vfs';
import { TransportError } from './errors.ts';
import { FrameReader } from './frames.ts';

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
  const chunks: AsyncIterator<unknown> = body[Symbol.asyncIterator]();
  for (;;) {
    const { done, value } = await nextWithin(chunks, body, clock, stallTimeoutMs);
    if (done === true) break;
    if (Buffer.isBuffer(value)) yield* reader.push(value);
  }
  if (!reader.isWhole) throw broken('it ended in the middle of a frame');
}

async function nextWithin(
  chunks: AsyncIterator<unknown>,
  body: IncomingMessage,
  clock: Clock,
  stallTimeoutMs: number,
): Promise<IteratorResult<unknown>> {
  const timer = clock.startTimer(stallTimeoutMs, () => {
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

function broken(why: string, cause?: unknown): TransportError {
  return new TransportError('TRANSPORT_BROKEN', `a body did not arrive whole: ${why}`, { cause });
}
