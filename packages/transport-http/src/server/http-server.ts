/** Creates the HTTP server, and sends the answers after which a connection is closed. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { statusOf, type RefusalReason } from '../errors.ts';
import { refusalHeader, type Wire } from '../wire.ts';

const headBytesMax = 16 * 1024;

export function newServer({ settings }: Wire): Server {
  return createServer({
    maxHeaderSize: headBytesMax,
    headersTimeout: settings.stallTimeoutMs,
    // There is no limit on the duration of a request, because a snapshot may take long. The code
    // that reads a body closes it when nothing arrives.
    requestTimeout: 0,
    connectionsCheckingInterval: settings.stallTimeoutMs / 2,
    keepAliveTimeout: 60_000,
  });
}

export const isOfHttp = (error: Error): boolean =>
  'code' in error && /^(?:HPE|ERR_HTTP)_/.test(String(error.code));

/**
 * Sends a final answer and closes the connection without waiting for the other side, which may
 * never close its half.
 */
export function endWith(socket: Duplex, text: string): void {
  if (!socket.writable || socket.writableLength > 0) socket.destroy();
  else socket.end(text, () => socket.destroy());
}

/**
 * Answers a request with a refusal. The caller closes the connection, after it has read the rest of
 * the request.
 */
export function refuse(response: ServerResponse, reason: RefusalReason): void {
  response.writeHead(statusOf[reason], {
    [refusalHeader]: reason,
    'Content-Type': 'text/plain; charset=utf-8',
  });
  response.end(reason);
}
