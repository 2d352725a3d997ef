/**
 * Reads the bodies of requests within the limit of a call and within the byte budget of the node.
 * An oversized body is read and discarded for a while, because a client that is still sending does
 * not look for an answer.
 */
import type { IncomingMessage } from 'node:http';
import { ApiError } from './errors.ts';

/** A refused body is read up to this many bytes, so that its sender sees the answer. */
export const discardedBytesMax: number = 8 * 1024 * 1024;

/** The budget for the bytes that requests and answers of all connections hold at a time. */
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

/** The share of one request in the budget. */
export interface ByteLease {
  /** Reserves bytes. Returns false, and reserves nothing, when the budget is spent. */
  take(bytes: number): boolean;
  /** Returns all reserved bytes to the budget. The lease may be used again. */
  release(): void;
}

/** Whether a request says that it has a body. */
export function announcesBody({ headers }: IncomingMessage): boolean {
  if (headers['transfer-encoding'] !== undefined) return true;
  return Number(headers['content-length'] ?? 0) > 0;
}

/**
 * Whether the rest of a request may be read and discarded. Otherwise its connection must end with
 * the answer.
 */
export function mayBeDiscarded(request: IncomingMessage): boolean {
  if (request.complete || !announcesBody(request)) return true;
  if (request.headers['transfer-encoding'] !== undefined) return false;
  return Number(request.headers['content-length']) <= discardedBytesMax;
}

/**
 * Reads the whole body. Rejects with `API_BODY_TOO_LARGE` above `bytesMax`, `API_BUSY` when the
 * budget is spent, `API_CLIENT_GONE` when the request ends early, and with the reason of the
 * signal. The lease holds the bytes until it is released.
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
