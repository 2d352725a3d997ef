/** The errors of the transport. The codes are API; the messages are for people. */
export type TransportErrorCode =
  /** Invalid options. */
  | 'TRANSPORT_INVALID'
  /** No member listens at the address of the peer, or the peer has no known address. */
  | 'TRANSPORT_UNREACHABLE'
  /** The connection broke in the middle. The bytes that have arrived are kept: send again. */
  | 'TRANSPORT_BROKEN'
  /** The other side takes nothing from this one. */
  | 'TRANSPORT_REFUSED'
  | 'TRANSPORT_CLOSED';

export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly code: TransportErrorCode;

  constructor(code: TransportErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
