/** Node.js' server as it is used here, and its last words. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { statusOf, type RefusalReason } from '../errors.ts';
import { refusalHeader, type Wire } from '../wire.ts';

const headBytesMax = 16 * 1024;

export function newServer({ settings }: Wire): Server {
  return createServer({
    maxHeaderSize: headBytesMax,
    headersTimeout: settings.stallTimeoutMs,
    // A snapshot takes as long as it takes; what stands still is ended where it is read.
    requestTimeout: 0,
    connectionsCheckingInterval: settings.stallTimeoutMs / 2,
    keepAliveTimeout: 60_000,
  });
}

export const isOfHttp = (error: Error): boolean =>
  'code' in error && /^(?:HPE|ERR_HTTP)_/.test(String(error.code));

/**
 * The last word on a connection. What the other side makes of it is not waited for: it may never
 * close its half.
 */
export function endWith(socket: Duplex, text: string): void {
  if (!socket.writable || socket.writableLength > 0) socket.destroy();
  else socket.end(text, () => socket.destroy());
}

/** The connection is the caller's to close: after what still comes was read. */
export function refuse(response: ServerResponse, reason: RefusalReason): void {
  response.writeHead(statusOf[reason], {
    [refusalHeader]: reason,
    'Content-Type': 'text/plain; charset=utf-8',
  });
  response.end(reason);
}
