/** The end of TLS that members connect to. It never listens: connections are given to it. */
import { createServer, type Server } from 'node:tls';
import { TransportError } from '../errors.ts';
import type { HttpTransportTls } from '../options.ts';
import { pem } from './pem.ts';

/** @throws TransportError (`TRANSPORT_INVALID`) for certificates that cannot be used. */
export function newTlsServer({ cert, key, ca, mutual = true }: HttpTransportTls): Server {
  try {
    return createServer({
      cert: pem(cert),
      key: pem(key),
      ...(ca === undefined ? {} : { ca: pem(ca) }),
      ALPNProtocols: ['http/1.1'],
      minVersion: 'TLSv1.2',
      requestCert: mutual,
      rejectUnauthorized: mutual,
    });
  } catch (cause) {
    const problem = `the option tls cannot be used: ${String(cause)}`;
    throw new TransportError('TRANSPORT_INVALID', problem, { cause });
  }
}
