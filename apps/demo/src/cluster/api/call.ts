/** The call that a handler receives, and the answer that it returns. */
import type { IncomingHttpHeaders } from 'node:http';
import { toJson } from './json.ts';

export interface ApiCall {
  /** The variable parts of the path, still percent-encoded. */
  readonly parts: readonly string[];
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /**
   * Aborts at the deadline of the call, when the client disconnects, and when the server closes.
   */
  readonly signal: AbortSignal;
  /** Reads the body. It may be called once. See `readBody`. */
  body(bytesMax: number): Promise<Uint8Array>;
}

export interface ApiAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Uint8Array | string;
}

export type ApiHandler = (call: ApiCall) => ApiAnswer | Promise<ApiAnswer>;

export const jsonType = 'application/json; charset=utf-8';

export function jsonAnswer(value: unknown, status = 200): ApiAnswer {
  return { status, contentType: jsonType, body: toJson(value) };
}
