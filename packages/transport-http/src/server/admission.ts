/** Decides from the handshake in the head of a request whether its sender is admitted. */
import type { IncomingMessage } from 'node:http';
import { remoteAddressOf } from '../access/member-addresses.ts';
import type { RefusalReason } from '../errors.ts';
import {
  decodeHandshake,
  encodeHandshake,
  handshakeHeader,
  repliesFeature,
  type Refusal,
} from '../connections/handshake.ts';
import type { Members } from '../connections/members.ts';
import { framePayloadMaxFor, introduced, type Wire } from '../wire.ts';

export interface Admitted {
  readonly isFine: true;
  readonly from: bigint;
  /** The largest payload of a frame that is accepted from it, in bytes. */
  readonly framePayloadMax: number;
  /** Whether it accepts messages in the answers on its stream. */
  readonly takesReplies: boolean;
  readonly answer: string;
}

/** The refusal. The other side gets the reason only; the details are logged on this side. */
export interface Refused {
  readonly isFine: false;
  readonly reason: RefusalReason;
}

export class Admission {
  readonly #wire: Wire;
  readonly #members: Members;

  constructor(wire: Wire, members: Members) {
    this.#wire = wire;
    this.#members = members;
  }

  /** Identifies the sender of a request, or says why it is refused. */
  of(request: IncomingMessage): Admitted | Refused {
    const wire = this.#wire;
    try {
      const theirs = decodeHandshake(request.headers[handshakeHeader]);
      const ours = wire.handshakeTo(theirs.from);
      const admitByNode = (id: bigint, introduction: string | undefined) =>
        wire.handler.admit(id, introduction);
      const refusal =
        this.#otherCertificate(request, theirs.from) ??
        this.#otherOpener(request, theirs.from) ??
        this.#members.admit(theirs, ours, admitByNode, remoteAddressOf(request.socket));
      if (refusal !== undefined) {
        this.#tellRefusal(theirs.from, refusal);
        return { isFine: false, reason: refusal.reason };
      }
      const framePayloadMax = Math.min(
        framePayloadMaxFor(wire.framePayloadMax, theirs.messageBytesMax),
        wire.budget.frameBytesMaxOf(theirs.from),
      );
      return {
        isFine: true,
        from: theirs.from,
        framePayloadMax,
        takesReplies: theirs.features.includes(repliesFeature),
        answer: encodeHandshake(introduced(wire, ours)),
      };
    } catch (error) {
      // Any program that can reach the port can cause this, so it is not worth a warning.
      const key = `handshake ${String(error)}`;
      wire.strangersLog.tell('debug', key, 'a request without a valid handshake', { error });
      return { isFine: false, reason: 'bad-handshake' };
    }
  }

  /**
   * Checks the certificate before any other field of the handshake is trusted. A removed member
   * skips this check, so that it is told that it was removed.
   */
  #otherCertificate({ socket }: IncomingMessage, from: bigint): Refusal | undefined {
    if (this.#members.isRemoved(from)) return undefined;
    const message = this.#wire.certificates.problemOf(socket, from, 'client');
    return message === undefined ? undefined : { reason: 'other-certificate', message };
  }

  /**
   * A connection can speak only for the member that opened it. So an attacker who takes over the
   * connection of one member cannot send as another.
   */
  #otherOpener({ socket }: IncomingMessage, from: bigint): Refusal | undefined {
    const opener = this.#wire.openers.get(socket);
    if (opener === undefined || opener === from) return undefined;
    const message = `member ${opener} has opened the connection, but a request on it claims to come from member ${from}`;
    return { reason: 'other-node', message };
  }

  #tellRefusal(from: bigint, { reason, message }: Refusal): void {
    // The node refused it and has logged the details itself.
    if (message === reason) return;
    const key = `${from} ${reason}`;
    this.#wire.strangersLog.tell('warn', key, 'a member was refused', { from, reason, message });
  }
}
