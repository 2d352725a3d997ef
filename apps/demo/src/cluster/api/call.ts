/** One call of the API as its handler sees it, and what a handler gives back. */
import type { IncomingHttpHeaders } from 'node:http';
import { toJson } from './json.ts';

export interface ApiCall {
  /** The variable parts of the path, as they came: percent-encoded. */
  readonly parts: readonly string[];
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Ends with the deadline of the call, with its client, and with the server. */
  readonly signal: AbortSignal;
  /** Reads the body; to be called once. See `readBody`. */
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
