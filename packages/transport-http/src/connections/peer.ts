/**
 * The sending side of the connection to one peer. The stream is kept open even when there is
 * nothing to send: followers do not talk to each other, and a vote request that had to wait for a
 * new connection could collide with the requests of other candidates. Messages that are sent while
 * a stream opens wait in the queue. After a failure messages are dropped until the next attempt is
 * due, because Raft repeats what matters and old messages are useless. The node is told of every
 * message that was dropped or may have been lost.
 */
import type { Message } from '@babuza/raftpb';
import { hostOf } from '../address.ts';
import { Attempts } from './attempts.ts';
import { TransportError } from '../errors.ts';
import { MessageQueue } from '../messages/message-queue.ts';
import { openStream, type LinkEvents, type MessageLink } from '../messages/outgoing-stream.ts';
import { RequestLink } from '../messages/request-link.ts';
import { sizeInFrame } from '../messages/frames.ts';
import type { PeerCounters, Wire } from '../wire.ts';

/** After a stream could not be opened, requests are used for this time before the next try. */
const streamAgainMs = 60_000;

export class Peer {
  readonly id: bigint;
  readonly #wire: Wire;
  readonly #queue = new MessageQueue();
  readonly #counters: PeerCounters;
  readonly #address: () => string | undefined;
  readonly #onlyIp: (() => string | undefined) | undefined;
  readonly #attempts: Attempts;
  #link: MessageLink | undefined;
  #connecting: AbortController | undefined;
  #requestsUntilMs = 0;
  #isFlushDue = false;
  #isReportDue = false;
  #lastProblem = '';
  #isClosed = false;

  /** `onlyIp` has the meaning of `Target.onlyIp`. */
  constructor(
    wire: Wire,
    id: bigint,
    address: () => string | undefined,
    onlyIp?: () => string | undefined,
  ) {
    this.id = id;
    this.#wire = wire;
    this.#address = address;
    this.#onlyIp = onlyIp;
    this.#attempts = new Attempts(wire);
    this.#counters = wire.countersOf(id);
  }

  get isConnected(): boolean {
    return this.#link !== undefined;
  }

  get queuedMessages(): number {
    return this.#queue.length;
  }

  send(message: Message): void {
    if (!this.#isResting() && this.#queued(message, sizeInFrame(message))) this.#flushSoon();
    else this.#drop(1);
  }

  #queued(message: Message, size: number): boolean {
    return size <= this.#wire.framePayloadMax && this.#queue.push(message, size);
  }

  /** Messages that are sent within the same turn of the event loop share a frame. */
  #flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    queueMicrotask(() => {
      this.#isFlushDue = false;
      this.#flush();
    });
  }

  /**
   * The peer has just connected to this member, so connect back now. It may have restarted, so the
   * existing connection must answer soon.
   */
  appeared(): void {
    const host = this.#host();
    const isWorthALookUp = this.#attempts.appeared() && this.#link === undefined;
    if (isWorthALookUp && host !== undefined) this.#wire.names.appeared(host);
    this.#link?.doubt(this.#wire.clock.monotonicMs());
    this.keep();
  }

  /** Opens a stream if there is no connection and an attempt is due. */
  keep(): void {
    if (!this.#isStreamOfUse() || this.#link !== undefined || this.#isResting()) return;
    // Never dial a peer whose address is not known.
    if (this.#address() !== undefined) this.#connect();
  }

  pulse(nowMs: number): void {
    this.#link?.pulse(nowMs);
    this.#endRequests();
    this.keep();
  }

  #host(): string | undefined {
    const address = this.#address();
    return address === undefined ? undefined : hostOf(address);
  }

  #isStreamOfUse(): boolean {
    const { settings, clock } = this.#wire;
    return settings.streams && clock.monotonicMs() >= this.#requestsUntilMs;
  }

  /** Leaves request mode when it is time to try a stream again and no request is in progress. */
  #endRequests(): void {
    const link = this.#link;
    if (link === undefined || link.isStream || !link.canTake || !this.#isStreamOfUse()) return;
    link.close();
    this.#link = undefined;
  }

  forgive(nowMs: number): void {
    this.#link?.forgive(nowMs);
  }

  /** Closes the connection and opens a new one, unless `close` was called. */
  disconnect(): void {
    const wasAway = this.#link === undefined;
    this.#connecting?.abort();
    this.#connecting = undefined;
    this.#link?.close();
    this.#link = undefined;
    this.#attempts.makeDue();
    // Messages in flight are lost; queued ones go to the new address.
    if (!wasAway) this.#drop(0);
    this.keep();
    this.#flush();
  }

  close(): void {
    this.#isClosed = true;
    this.disconnect();
    this.#queue.clear();
  }

  #isResting(): boolean {
    const isAway = this.#link === undefined && this.#connecting === undefined;
    return this.#isClosed || (isAway && !this.#attempts.isDue);
  }

  #flush(): void {
    if (this.#isClosed || this.#queue.length === 0) return;
    this.#endRequests();
    if (this.#link === undefined) {
      this.#connect();
      return;
    }
    while (this.#queue.length > 0 && this.#link.canTake) {
      const frame = this.#queue.shift();
      this.#counters.sentMessages += frame.messages;
      this.#counters.sentBytes += frame.bytes.length;
      this.#link.write(frame);
    }
  }

  #connect(): void {
    if (this.#connecting !== undefined) return;
    const address = this.#address();
    if (address === undefined) {
      this.#failed(new TransportError('TRANSPORT_UNREACHABLE', `member ${this.id} has no address`));
      return;
    }
    const connecting = new AbortController();
    this.#connecting = connecting;
    this.#open(address, connecting.signal).then(
      (link) => {
        if (this.#connecting !== connecting) link.close();
        else this.#opened(link);
      },
      (error: unknown) => {
        if (this.#connecting === connecting) this.#failed(error);
      },
    );
  }

  async #open(address: string, signal: AbortSignal): Promise<MessageLink> {
    const { clock } = this.#wire;
    const target = { id: this.id, address, onlyIp: this.#onlyIp?.() };
    const events: LinkEvents = {
      onReady: () => this.#flush(),
      onAnswer: () => this.#answered(),
      onBroken: (error) => this.#failed(error),
    };
    if (this.#isStreamOfUse()) {
      try {
        return await openStream(this.#wire, target, events, signal);
      } catch (error) {
        const isStrange = error instanceof TransportError && error.code === 'TRANSPORT_PROTOCOL';
        if (!isStrange) throw error;
        this.#log('info', 'no stream to this member could be opened: requests are used instead', {
          error,
        });
        this.#requestsUntilMs = clock.monotonicMs() + streamAgainMs;
      }
    }
    return new RequestLink(this.#wire, target, events);
  }

  #opened(link: MessageLink): void {
    this.#connecting = undefined;
    this.#link = link;
    this.#attempts.opened();
    this.#counters.connections += 1;
    this.#flush();
  }

  #answered(): void {
    if (!this.#attempts.answered()) return;
    if (this.#lastProblem === '') return;
    this.#lastProblem = '';
    this.#log('info', 'a member is reached again', {});
  }

  #failed(error: unknown): void {
    const wasOpen = this.#link !== undefined;
    this.#connecting = undefined;
    this.#link = undefined;
    this.#counters.failedConnections += 1;
    this.#attempts.failed();
    const host = this.#host();
    // The host may have another address when a connection breaks.
    if (wasOpen && host !== undefined) this.#wire.names.failed(host);
    const unsent = this.#queue.clear();
    if (wasOpen || unsent > 0) this.#drop(unsent);
    this.#tell(error);
  }

  /** Logs a problem once, however often it repeats in a row. */
  #tell(error: unknown): void {
    const problem = error instanceof Error ? error.message : String(error);
    if (problem === this.#lastProblem) return;
    this.#lastProblem = problem;
    // The node has logged the reason itself.
    if (error instanceof TransportError && error.reason === 'other-cluster') return;
    this.#log('warn', 'a member cannot be reached', { error });
  }

  /**
   * Events of nodes outside the membership go to the rate-limited log, because any program can make
   * a joining node connect to it.
   */
  #log(level: 'info' | 'warn', message: string, fields: { readonly error?: unknown }): void {
    const { logger, strangersLog, isMember } = this.#wire;
    const { id } = this;
    if (isMember(id)) logger?.[level](message, { id, ...fields });
    else strangersLog.tell(level, `${message} ${id}`, message, { id, ...fields });
  }

  #drop(messages: number): void {
    this.#counters.droppedMessages += messages;
    if (this.#isReportDue || this.#isClosed) return;
    this.#isReportDue = true;
    // Report it in a later microtask: the node must not be called back from within its own call.
    queueMicrotask(() => {
      this.#isReportDue = false;
      if (!this.#isClosed) this.#wire.handler.unreachable(this.id);
    });
  }
}
