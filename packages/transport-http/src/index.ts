export { TransportError, type RefusalReason, type TransportErrorCode } from './errors.ts';
export { HttpTransport, type HttpPeerStats } from './http-transport.ts';
export type {
  HttpTransportOptions,
  HttpTransportSecret,
  HttpTransportTransition,
} from './options.ts';
export type { HttpTransportTls, HttpTransportTlsFiles } from './access/certificate/options.ts';
export { memberUri } from './access/certificate/member-uri.ts';
export { transportBackend } from './transport-backend.ts';
export type { PeerCounters } from './wire.ts';
