/**
 * The way of messages to one peer: a connection that was upgraded, written to by this side only. The other side answers
 * with how many bytes it has taken, several times within the stall timeout: so a peer that hangs, and a connection of
 * which only this half is left, are told from one that is quiet. A member that does not know this one yet puts its
 * messages between these answers.
 */
import type { Duplex } from 'node:stream';
import { answerOf, ask } from './client.ts';
import { smallFrameBytesMax } from './budget/incoming-budget.ts';
import { deliver } from './deliver.ts';
import { FrameReader } from './frame-reader.ts';
import { TransportError } from './errors.ts';
import { decodeMessages, emptyFrame } from './frames.ts';
import type { MessageFrame } from './message-queue.ts';
import { routeTo, type Target } from './route.ts';
import { paths, streamProtocol, type Wire } from './wire.ts';

/** A way to one peer that is open. */
export interface MessageLink {
  /** False: each frame is a request, and between two of them nothing is lost with it. */
  readonly isStream: boolean;
  /** False while what was written before has not left. */
  readonly canTake: boolean;
  write(frame: MessageFrame): void;
  /** To be called several times within the stall timeout. */
  pulse(nowMs: number): void;
  /** The other side has connected to this one anew: it may know nothing of this connection any more. */
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
    socket.resume();
  }

  get canTake(): boolean {
    return !this.#isOver && this.#socket.writableLength < unsentBytesMax;
  }

  write({ bytes }: MessageFrame): void {
    this.#socket.write(bytes);
  }

  pulse(nowMs: number): void {
    const { stallTimeoutMs } = this.#wire.settings;
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
    this.#socket.destroy();
  }

  #answered(chunk: Buffer): void {
    try {
      let answers = 0;
      for (const payload of this.#answers.push(chunk)) {
        answers += 1;
        // No message is so short.
        if (payload.length === answerBytes || this.#isOver) continue;
        this.#wire.countersOf(this.#target.id).receivedBytes += payload.length;
        deliver(this.#wire, this.#target.id, decodeMessages(payload));
      }
      if (answers === 0 || this.#isOver) return;
      this.#answeredMs = this.#wire.clock.monotonicMs();
      this.#events.onAnswer();
    } catch (error) {
      this.#break('the other side answers something else than this protocol', error);
    }
  }

  #break(why: string, cause?: unknown): void {
    if (this.#isOver) return;
    this.close();
    const { id, address } = this.#target;
    const problem = `the stream to member ${id} at ${address} broke: ${why}`;
    this.#events.onBroken(new TransportError('TRANSPORT_BROKEN', problem, { cause }));
  }
}
