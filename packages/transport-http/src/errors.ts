/** The errors of the transport. The codes are API; the messages are for people. */
export type TransportErrorCode =
  /** Options that cannot be. */
  | 'TRANSPORT_INVALID'
  /**
   * Strangers on the network could speak as a member, or read what members say, and `insecure` does
   * not allow it.
   */
  | 'TRANSPORT_INSECURE'
  /** The port to listen on cannot be had; the cause says why. */
  | 'TRANSPORT_LISTEN'
  /** Nobody answers at the address of the peer, or it has none. */
  | 'TRANSPORT_UNREACHABLE'
  /**
   * The connection broke in the middle, or stood still for too long. What has arrived is not lost:
   * send again.
   */
  | 'TRANSPORT_BROKEN'
  /** The other side takes nothing from this one; `reason` says why. */
  | 'TRANSPORT_REFUSED'
  /** Bytes that are not of this protocol, or damaged. */
  | 'TRANSPORT_PROTOCOL'
  | 'TRANSPORT_CLOSED';

/** Why a member takes nothing from another one. Travels in the answer; API. */
export type RefusalReason =
  /** The head of the request cannot be read. */
  | 'bad-handshake'
  /** The body cannot be read. */
  | 'bad-body'
  /** The versions of the protocol that the two speak have none in common. */
  | 'other-protocol'
  | 'other-cluster'
  | 'other-group'
  /** The certificate does not name the member that its holder claims to be. */
  | 'other-certificate'
  /** Another member listens at this address than was meant. */
  | 'other-node'
  /**
   * The membership knows the sender at another address: a second process with its id, or an update
   * that is due.
   */
  | 'other-address'
  /**
   * The two disagree about the largest entry: one could not save what the other has acknowledged.
   */
  | 'other-entry-limit'
  /** The sender was removed from the cluster; ids never return. */
  | 'removed'
  /** Too many connections, or too large a body. */
  | 'too-much'
  /** The receiver could not take the snapshot. */
  | 'not-taken'
  /** Nothing of this protocol lies at this path, or not with this method. */
  | 'not-found'
  /** The receiver ends. */
  | 'closed';

/** What HTTP is told of each reason. */
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
  /** With `TRANSPORT_REFUSED`, where the other side gave one that is known. */
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
