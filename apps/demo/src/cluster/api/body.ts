/**
 * Takes the body of a request in, never more of it than is allowed, and never more of all requests
 * together than the budget of the node. What is too large is still read for a while and thrown
 * away: a client that is in the midst of sending does not look for an answer before it has sent.
 */
import type { IncomingMessage } from 'node:http';
import { ApiError } from './errors.ts';

/** A body that is refused is read on up to this many bytes, so that its sender sees the answer. */
export const discardedBytesMax: number = 8 * 1024 * 1024;

/** Bytes that requests and answers of all connections hold at a time. */
export class ByteBudget {
  readonly #bytesMax: number;
  #held = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get held(): number {
    return this.#held;
  }

  lease(): ByteLease {
    let held = 0;
    return {
      take: (bytes) => {
        if (this.#held + bytes > this.#bytesMax) return false;
        held += bytes;
        this.#held += bytes;
        return true;
      },
      release: () => {
        this.#held -= held;
        held = 0;
      },
    };
  }
}

/** The part of one request. */
export interface ByteLease {
  /** False: there is no room; nothing was taken. */
  take(bytes: number): boolean;
  /** Gives all back; it may be used again then. */
  release(): void;
}

/** Whether a request says that it has a body. */
export function announcesBody({ headers }: IncomingMessage): boolean {
  if (headers['transfer-encoding'] !== undefined) return true;
  return Number(headers['content-length'] ?? 0) > 0;
}

/**
 * Whether what is left of a request may be read and thrown away; otherwise its connection has to
 * end with the answer.
 */
export function mayBeDiscarded(request: IncomingMessage): boolean {
  if (request.complete || !announcesBody(request)) return true;
  if (request.headers['transfer-encoding'] !== undefined) return false;
  return Number(request.headers['content-length']) <= discardedBytesMax;
}

/**
 * The whole body. Rejects with `API_BODY_TOO_LARGE` above `bytesMax`, `API_BUSY` when the budget is
 * spent, `API_CLIENT_GONE` when the request ends early, and the reason of the signal. The bytes are
 * held by the lease until it is released.
 */
export function readBody(
  request: IncomingMessage,
  bytesMax: number,
  lease: ByteLease,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const tooLarge = (): ApiError =>
    new ApiError('API_BODY_TOO_LARGE', `the body is too large: at most ${bytesMax} bytes`);
  if (!announcesBody(request)) return Promise.resolve(new Uint8Array(0));
  if (Number(request.headers['content-length'] ?? 0) > discardedBytesMax) {
    return Promise.reject(tooLarge());
  }
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    let refusal: ApiError | undefined;
    const settle = (act: () => void): void => {
      request.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
      signal.removeEventListener('abort', onAbort);
      act();
    };
    const onData = (chunk: Uint8Array): void => {
      bytes += chunk.length;
      if (refusal === undefined) {
        if (bytes > bytesMax) refusal = tooLarge();
        else if (lease.take(chunk.length)) chunks.push(chunk);
        else refusal = new ApiError('API_BUSY', 'too many bytes are under way at this node');
        if (refusal !== undefined) {
          chunks.length = 0;
          lease.release();
        }
      }
      if (refusal !== undefined && bytes > discardedBytesMax) settle(() => reject(refusal));
    };
    const onEnd = (): void => {
      if (refusal === undefined) settle(() => resolve(Buffer.concat(chunks, bytes)));
      else settle(() => reject(refusal));
    };
    const onGone = (): void => {
      settle(() => reject(new ApiError('API_CLIENT_GONE', 'the request ended within its body')));
    };
    const onAbort = (): void => settle(() => reject(reasonOf(signal)));
    request.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
  });
}

const reasonOf = (signal: AbortSignal): Error =>
  signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason));
