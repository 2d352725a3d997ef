export { TransportError, type RefusalReason, type TransportErrorCode } from './errors.ts';
export { HttpTransport, type HttpPeerStats } from './http-transport.ts';
export type {
  HttpTransportOptions,
  HttpTransportSecret,
  HttpTransportTls,
  HttpTransportTransition,
} from './options.ts';
export { transportBackend } from './transport-backend.ts';
export type { PeerCounters } from './wire.ts';
