/**
 * The sending side of a stream: an upgraded connection on which this member sends messages to one
 * peer. The peer answers several times per stall timeout with the number of bytes that it has
 * received. So a peer that hangs, or a half-open connection, can be told from a quiet one. A peer
 * that does not know this member's address yet sends its messages between these answers. Reading
 * pauses while such a message has entries and the node cannot take them.
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

/** An open connection to one peer for messages. */
export interface MessageLink {
  /**
   * With false, each frame is a request, so the link can be closed between two requests without
   * losing messages.
   */
  readonly isStream: boolean;
  /** False while earlier frames are still being sent. */
  readonly canTake: boolean;
  write(frame: MessageFrame): void;
  /** Call it several times per stall timeout. */
  pulse(nowMs: number): void;
  /**
   * The peer has opened a new connection to this member, so it may have restarted and lost this
   * connection.
   */
  doubt(nowMs: number): void;
  /** This process was suspended, so the silence is no evidence against the peer. */
  forgive(nowMs: number): void;
  close(): void;
}

export interface LinkEvents {
  /** The link can take more frames. */
  readonly onReady: () => void;
  /** The peer is alive: it has answered. */
  readonly onAnswer: () => void;
  /** The link has failed. Called at most once, and never after `close`. */
  readonly onBroken: (error: TransportError) => void;
}

/**
 * The socket may buffer this many unsent bytes, so that the next frame is encoded while one is
 * sent.
 */
const unsentBytesMax = 1024 * 1024;
const answerBytes = 8;
/** The share of the stall timeout within which a suspect connection must answer. */
const doubtShare = 0.3;

/** Opens a stream. Rejects as `answerOf` and `routeTo` do. */
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
    throw new TransportError('TRANSPORT_PROTOCOL', `member ${target.id} did not open a stream`);
  }
  return new OutgoingStream(wire, target, socket, head, events);
}

/** The client side of an upgraded connection. */
export class OutgoingStream implements MessageLink {
  readonly isStream = true;
  readonly #wire: Wire;
  readonly #target: Target;
  readonly #socket: Duplex;
  readonly #events: LinkEvents;
  readonly #answers = new FrameReader(smallFrameBytesMax);
  /** A message from the peer that waits until the node can take its entries. */
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
    // While this side does not read, the peer is not at fault.
    if (this.#held !== undefined) this.#answeredMs = nowMs;
    if (nowMs - this.#answeredMs > stallTimeoutMs) {
      this.#break(`no answer arrived for ${stallTimeoutMs} ms`);
      return;
    }
    // Ask for an answer, because the peer may have a longer stall timeout and answer less often.
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

  /** Processes all complete frames, and continues to read unless a message has to wait. */
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
      this.#break('the other side does not follow the protocol', error);
    }
  }

  /** Delivers complete frames. Returns whether there was one. */
  #handOver(): boolean {
    const { id } = this.#target;
    let hasAnswered = false;
    let payload = this.#held ?? this.#answers.next();
    while (payload !== undefined && !this.#isOver) {
      hasAnswered = true;
      // An answer has 8 bytes; every frame of messages is longer.
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
