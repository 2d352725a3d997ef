/** Node.js' server as it is used here, and its last words. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { pem } from './client.ts';
import { statusOf, TransportError, type RefusalReason } from './errors.ts';
import { refusalHeader, type Wire } from './wire.ts';

const headBytesMax = 16 * 1024;

export function newServer({ settings }: Wire): Server {
  const options = {
    maxHeaderSize: headBytesMax,
    headersTimeout: settings.stallTimeoutMs,
    // A snapshot takes as long as it takes; what stands still is ended where it is read.
    requestTimeout: 0,
    connectionsCheckingInterval: settings.stallTimeoutMs / 2,
    keepAliveTimeout: 60_000,
  };
  const { tls } = settings;
  if (tls === undefined) return createServer(options);
  const { mutual = true } = tls;
  try {
    return createTlsServer({
      ...options,
      cert: pem(tls.cert),
      key: pem(tls.key),
      ...(tls.ca === undefined ? {} : { ca: pem(tls.ca) }),
      minVersion: 'TLSv1.2',
      handshakeTimeout: settings.stallTimeoutMs,
      requestCert: mutual,
      rejectUnauthorized: mutual,
    });
  } catch (cause) {
    const problem = `the option tls cannot be used: ${String(cause)}`;
    throw new TransportError('TRANSPORT_INVALID', problem, { cause });
  }
}

export const isOfHttp = (error: Error): boolean =>
  'code' in error && /^(?:HPE|ERR_HTTP)_/.test(String(error.code));

/** The last word on a connection. What the other side makes of it is not waited for: it may never close its half. */
export function endWith(socket: Duplex, text: string): void {
  if (!socket.writable || socket.writableLength > 0) socket.destroy();
  else socket.end(text, () => socket.destroy());
}

/** The connection is the caller's to close: after what still comes was read. */
export function refuse(response: ServerResponse, reason: RefusalReason, message: string): void {
  response.writeHead(statusOf[reason], {
    [refusalHeader]: reason,
    'Content-Type': 'text/plain; charset=utf-8',
  });
  response.end(message);
}
