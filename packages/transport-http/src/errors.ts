/** The errors of the transport. The codes are a stable API; the messages may change. */
export type TransportErrorCode =
  /** An option has a value that is not allowed, or a call was made in the wrong state. */
  | 'TRANSPORT_INVALID'
  /**
   * Without protection, other programs on the network could speak as a member or read the messages
   * of members, and `insecure` does not allow that.
   */
  | 'TRANSPORT_INSECURE'
  /** The transport cannot listen on its port; `cause` says why. */
  | 'TRANSPORT_LISTEN'
  /** The peer has no address, or its address does not answer. */
  | 'TRANSPORT_UNREACHABLE'
  /**
   * The connection broke, or nothing moved on it for the stall timeout. A snapshot continues after
   * the bytes that have arrived when it is sent again.
   */
  | 'TRANSPORT_BROKEN'
  /** The other side refuses this member; `reason` says why. */
  | 'TRANSPORT_REFUSED'
  /** The bytes that arrived are damaged, or do not follow this protocol. */
  | 'TRANSPORT_PROTOCOL'
  | 'TRANSPORT_CLOSED';

/**
 * The reason for which a member refuses another one. It travels in the answer and is a stable API.
 */
export type RefusalReason =
  /** The handshake in the head of the request cannot be read. */
  | 'bad-handshake'
  /** The body of the request cannot be read. */
  | 'bad-body'
  /** The two members have no version of the protocol in common. */
  | 'other-protocol'
  | 'other-cluster'
  | 'other-group'
  /** The certificate does not name the member that the sender claims to be. */
  | 'other-certificate'
  /** The member at this address is not the one that the sender wanted to reach. */
  | 'other-node'
  /**
   * The membership has another address for the sender: a second process uses its id, or its new
   * address has not been committed yet.
   */
  | 'other-address'
  /**
   * The two members have different values of `entryBytesMax`, so one could fail to save an entry
   * that the other has accepted.
   */
  | 'other-entry-limit'
  /** The sender was removed from the cluster. Ids are never reused. */
  | 'removed'
  /** The sender has too many requests under way. */
  | 'too-much'
  /** The receiver could not store the snapshot, or could not process the request. */
  | 'not-taken'
  /** The protocol has no such path, or not with this method. */
  | 'not-found'
  /** The receiver is shutting down. */
  | 'closed';

/** The HTTP status for each reason. */
export const statusOf: Readonly<Record<RefusalReason, number>> = {
  'bad-handshake': 400,
  'bad-body': 400,
  'other-protocol': 409,
  'other-cluster': 409,
  'other-group': 409,
  'other-certificate': 403,
  'other-node': 409,
  'other-address': 409,
  'other-entry-limit': 409,
  removed: 410,
  'too-much': 503,
  'not-taken': 422,
  'not-found': 404,
  closed: 503,
};

export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly code: TransportErrorCode;
  /** Set with `TRANSPORT_REFUSED` if the reason that the other side gave is a known one. */
  readonly reason: RefusalReason | undefined;

  constructor(
    code: TransportErrorCode,
    message: string,
    { cause, reason }: { readonly cause?: unknown; readonly reason?: RefusalReason } = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.reason = reason;
  }
}
