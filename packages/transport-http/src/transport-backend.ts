/** The entry point by which the builder creates an HTTP transport. */
import type { TransportBackend, TransportIdentity } from '@babuza/raft/ports';
import { HttpTransport } from './http-transport.ts';
import type { HttpTransportOptions } from './options.ts';

export const transportBackend: TransportBackend<HttpTransportOptions> = {
  types: ['http'],
  create(identity: TransportIdentity, options?: HttpTransportOptions): HttpTransport {
    return new HttpTransport(identity, options);
  },
};
