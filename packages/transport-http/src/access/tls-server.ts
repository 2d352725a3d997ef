/** The end of TLS that members connect to. It never listens: connections are given to it. */
import { createServer, type Server } from 'node:tls';
import type { HttpTransportTls } from './certificate/options.ts';
import { loadTls, type LoadedTls } from './certificate/context.ts';

/** @throws TransportError (`TRANSPORT_INVALID`) for certificates that cannot be used. */
export function newTlsServer(tls: HttpTransportTls, loaded: LoadedTls = loadTls(tls)): Server {
  const { mutual = true } = tls;
  return createServer({
    ...loaded.options,
    ALPNProtocols: ['http/1.1'],
    requestCert: mutual,
    rejectUnauthorized: mutual,
  });
}
