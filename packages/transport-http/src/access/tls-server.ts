/** The server side of TLS. It never listens: accepted connections are handed to it. */
import { createServer, type Server } from 'node:tls';
import type { HttpTransportTls } from './certificate/options.ts';
import { loadTls, type LoadedTls } from './certificate/context.ts';

/** @throws TransportError (`TRANSPORT_INVALID`) if the certificates cannot be used. */
export function newTlsServer(tls: HttpTransportTls, loaded: LoadedTls = loadTls(tls)): Server {
  const { mutual = true } = tls;
  return createServer({
    ...loaded.options,
    ALPNProtocols: ['http/1.1'],
    requestCert: mutual,
    rejectUnauthorized: mutual,
  });
}
