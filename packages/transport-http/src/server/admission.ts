/** Who is let in, by the handshake in the head of a request. */
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
  /** The largest payload of a frame of its messages. */
  readonly framePayloadMax: number;
  /** Whether it takes messages in the answers of a stream. */
  readonly takesReplies: boolean;
  readonly answer: string;
}

/** The other side hears this one word; what differs is logged here. */
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

  /** Who asks, or why it is not let in. */
  of(request: IncomingMessage): Admitted | Refused {
    const wire = this.#wire;
    try {
      const theirs = decodeHandshake(request.headers[handshakeHeader]);
      const ours = wire.handshakeTo(theirs.from);
      const judge = (id: bigint, introduction: string | undefined) =>
        wire.handler.admit(id, introduction);
      const refusal =
        this.#otherCertificate(request, theirs.from) ??
        this.#otherOpener(request, theirs.from) ??
        this.#members.admit(theirs, ours, judge, remoteAddressOf(request.socket));
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
      // Anybody who finds the port can cause it: no reason for a warning.
      const key = `handshake ${String(error)}`;
      wire.strangersLog.tell('debug', key, 'a request without a handshake', { error });
      return { isFine: false, reason: 'bad-handshake' };
    }
  }

  /** Before anything else that was said counts. A member that was removed hears that it was. */
  #otherCertificate({ socket }: IncomingMessage, from: bigint): Refusal | undefined {
    if (this.#members.isRemoved(from)) return undefined;
    const message = this.#wire.certificates.problemOf(socket, from, 'client');
    return message === undefined ? undefined : { reason: 'other-certificate', message };
  }

  /** Who has taken a connection over speaks for the member that has opened it, at most. */
  #otherOpener({ socket }: IncomingMessage, from: bigint): Refusal | undefined {
    const opener = this.#wire.openers.get(socket);
    if (opener === undefined || opener === from) return undefined;
    const message = `member ${opener} has opened the connection, and a request on it says that it is of member ${from}`;
    return { reason: 'other-node', message };
  }

  #tellRefusal(from: bigint, { reason, message }: Refusal): void {
    // Refused by the node, which has told why.
    if (message === reason) return;
    const key = `${from} ${reason}`;
    this.#wire.strangersLog.tell('warn', key, 'a member was refused', { from, reason, message });
  }
}
