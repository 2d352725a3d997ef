/**
 * The way of messages to one peer: a connection that was upgraded, written to by this side only.
 * The other side answers with how many bytes it has taken, several times within the stall timeout:
 * so a peer that hangs, and a connection of which only this half is left, are told from one that is
 * quiet. A member that does not know this one yet puts its messages between these answers; those
 * with entries wait until this node has room for them, and nothing is read then.
 */
import type { Duplex } from 'node:stream';
import { answerOf, ask } from '../connections/client.ts';
import { smallFrameBytesMax } from '../budget/incoming-budget.ts';
import { deliver, roomFor } from './deliver.ts';
import { FrameReader } from './frame-reader.ts';
import { TransportError } from '../errors.ts';
import { decodeMessages, emptyFrame } from './frames.ts';
import type { MessageFrame } from './message-queue.ts';
import { routeTo, type Target } from '../connections/route.ts';
import { paths, streamProtocol, type Wire } from '../wire.ts';

/** A way to one peer that is open. */
export interface MessageLink {
  /** False: each frame is a request, and between two of them nothing is lost with it. */
  readonly isStream: boolean;
  /** False while what was written before has not left. */
  readonly canTake: boolean;
  write(frame: MessageFrame): void;
  /** To be called several times within the stall timeout. */
  pulse(nowMs: number): void;
  /**
   * The other side has connected to this one anew: it may know nothing of this connection any more.
   */
  doubt(nowMs: number): void;
  /** This process was asleep: what has not come meanwhile says nothing about the other side. */
  forgive(nowMs: number): void;
  close(): void;
}

export interface LinkEvents {
  /** It can take more. */
  readonly onReady: () => void;
  /** The other side works: something was answered. */
  readonly onAnswer: () => void;
  /** It is of no use any more. Called once, never after `close`. */
  readonly onBroken: (error: TransportError) => void;
}

/** So much may lie before the socket: enough that the next frame is encoded while one is sent. */
const unsentBytesMax = 1024 * 1024;
const answerBytes = 8;
/** Of the stall timeout: so long a doubtful connection has for an answer. */
const doubtShare = 0.3;

/** Rejects as `answerOf` does. */
export async function openStream(
  wire: Wire,
  target: Target,
  events: LinkEvents,
  signal: AbortSignal,
): Promise<MessageLink> {
  const headers = { Connection: 'Upgrade', Upgrade: streamProtocol };
  const route = await routeTo(wire, target, signal);
  const request = ask(wire, route, { method: 'GET', path: paths.stream, headers, signal });
  request.end();
  const { response, socket, head } = await answerOf(wire, route, request);
  if (socket === undefined) {
    response.destroy();
    throw new TransportError('TRANSPORT_PROTOCOL', `member ${target.id} opened no stream`);
  }
  return new OutgoingStream(wire, target, socket, head, events);
}

/** The sending half of a connection that was upgraded. */
export class OutgoingStream implements MessageLink {
  readonly isStream = true;
  readonly #wire: Wire;
  readonly #target: Target;
  readonly #socket: Duplex;
  readonly #events: LinkEvents;
  readonly #answers = new FrameReader(smallFrameBytesMax);
  /** A reply with entries for which the node has no room yet. */
  #held: Buffer | undefined;
  #answeredMs: number;
  #isOver = false;

  constructor(
    wire: Wire,
    target: Target,
    socket: Duplex,
    head: Buffer | undefined,
    events: LinkEvents,
  ) {
    this.#wire = wire;
    this.#target = target;
    this.#socket = socket;
    this.#events = events;
    this.#answeredMs = wire.clock.monotonicMs();
    socket.on('data', (chunk: Buffer) => this.#answered(chunk));
    socket.on('drain', () => {
      if (!this.#isOver) events.onReady();
    });
    socket.on('error', (error) => this.#break(error.message, error));
    socket.on('close', () => this.#break('the connection was closed'));
    socket.on('end', () => this.#break('the other side has closed the connection'));
    if (head !== undefined && head.length > 0) this.#answered(head);
    if (this.#held === undefined) socket.resume();
  }

  get canTake(): boolean {
    return !this.#isOver && this.#socket.writableLength < unsentBytesMax;
  }

  write({ bytes }: MessageFrame): void {
    this.#socket.write(bytes);
  }

  pulse(nowMs: number): void {
    const { stallTimeoutMs } = this.#wire.settings;
    // The other side is not to blame for what is not read.
    if (this.#held !== undefined) this.#answeredMs = nowMs;
    if (nowMs - this.#answeredMs > stallTimeoutMs) {
      this.#break(`nothing was answered for ${stallTimeoutMs} ms`);
      return;
    }
    // Asks for an answer, at the pace of this side: the other one may be more patient.
    this.#socket.write(emptyFrame);
  }

  doubt(nowMs: number): void {
    const { stallTimeoutMs } = this.#wire.settings;
    this.#answeredMs = Math.min(this.#answeredMs, nowMs - (1 - doubtShare) * stallTimeoutMs);
    this.pulse(nowMs);
  }

  forgive(nowMs: number): void {
    this.#answeredMs = nowMs;
  }

  close(): void {
    this.#isOver = true;
    this.#held = undefined;
    this.#socket.destroy();
  }

  #answered(chunk: Buffer): void {
    this.#answers.add(chunk);
    this.#work();
  }

  /** Hands over what is complete, and reads on unless a reply has to wait. */
  #work(): void {
    try {
      const hasAnswered = this.#handOver();
      if (this.#isOver) return;
      if (this.#held !== undefined) this.#socket.pause();
      else if (this.#socket.isPaused()) this.#socket.resume();
      if (!hasAnswered) return;
      this.#answeredMs = this.#wire.clock.monotonicMs();
      this.#events.onAnswer();
    } catch (error) {
      this.#break('the other side answers something else than this protocol', error);
    }
  }

  /** Whether something was answered. */
  #handOver(): boolean {
    const { id } = this.#target;
    let hasAnswered = false;
    let payload = this.#held ?? this.#answers.next();
    while (payload !== undefined && !this.#isOver) {
      hasAnswered = true;
      // No message is so short.
      if (payload.length !== answerBytes) {
        const room = roomFor(this.#wire, payload);
        if (room !== undefined) {
          this.#hold(payload, room);
          return hasAnswered;
        }
        this.#wire.countersOf(id).receivedBytes += payload.length;
        deliver(this.#wire, id, decodeMessages(payload));
      }
      this.#held = undefined;
      payload = this.#answers.next();
    }
    return hasAnswered;
  }

  #hold(payload: Buffer, room: Promise<void>): void {
    this.#held = payload;
    void room.then(() => {
      if (!this.#isOver) this.#work();
    });
  }

  #break(why: string, cause?: unknown): void {
    if (this.#isOver) return;
    this.close();
    const { id, address } = this.#target;
    const problem = `the stream to member ${id} at ${address} broke: ${why}`;
    this.#events.onBroken(new TransportError('TRANSPORT_BROKEN', problem, { cause }));
  }
}
