/** Who is let in, by the handshake in the head of a request. */
import type { IncomingMessage } from 'node:http';
import type { RefusalReason } from './errors.ts';
import { decodeHandshake, encodeHandshake, handshakeHeader, type Refusal } from './handshake.ts';
import type { Members } from './members.ts';
import { framePayloadMaxFor, introduced, type Wire } from './wire.ts';

export interface Admitted {
  readonly isFine: true;
  readonly from: bigint;
  /** The largest payload of a frame of its messages. */
  readonly framePayloadMax: number;
  readonly answer: string;
}

export interface Refused extends Refusal {
  readonly isFine: false;
}

/** Refusals of so many members are remembered. */
const rememberedMax = 256;

export class Admission {
  readonly #wire: Wire;
  readonly #members: Members;
  /** The last refusal that was logged, by member: each is told once. */
  readonly #toldRefusals = new Map<bigint, RefusalReason>();

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
      const refusal = this.#members.admit(theirs, ours, (id, introduction) =>
        wire.handler.admit(id, introduction),
      );
      if (refusal !== undefined) {
        this.#tellRefusal(theirs.from, refusal.reason, refusal.message);
        return { isFine: false, ...withoutDetails(refusal) };
      }
      this.#toldRefusals.delete(theirs.from);
      const framePayloadMax = framePayloadMaxFor(wire.framePayloadMax, theirs.messageBytesMax);
      return {
        isFine: true,
        from: theirs.from,
        framePayloadMax,
        answer: encodeHandshake(introduced(wire, ours)),
      };
    } catch (error) {
      // Anybody who finds the port can cause it: no reason for a warning.
      wire.logger?.debug('a request without a handshake', { error });
      return { isFine: false, reason: 'bad-handshake', message: String(error) };
    }
  }

  #tellRefusal(from: bigint, reason: RefusalReason, message: string): void {
    // Refused by the node, which has told why.
    if (message === reason) return;
    if (this.#toldRefusals.get(from) === reason) return;
    // Who is told of is remembered, but not everybody who makes up an id.
    if (this.#toldRefusals.size >= rememberedMax) this.#toldRefusals.clear();
    this.#toldRefusals.set(from, reason);
    this.#wire.logger?.warn('a member was refused', { from, reason, message });
  }
}

/** A stranger hears one word: what this cluster is does not concern it. */
function withoutDetails({ reason, message }: Refusal): Refusal {
  return { reason, message: reason === 'other-cluster' ? reason : message };
}
