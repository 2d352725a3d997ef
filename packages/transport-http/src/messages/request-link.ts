/**
 * Sends messages to one peer if a proxy in between does not allow streams: each frame is a request,
 * one at a time. Messages that arrive during a request go into the next one.
 */
import type { IncomingMessage } from 'node:http';
import { finished } from 'node:stream/promises';
import { MemberAgent } from '../access/connect.ts';
import { answerOf, ask } from '../connections/client.ts';
import { TransportError } from '../errors.ts';
import type { MessageFrame } from './message-queue.ts';
import type { LinkEvents, MessageLink } from './outgoing-stream.ts';
import { routeTo, type Target } from '../connections/route.ts';
import { startStallWatch } from '../connections/stall-watch.ts';
import { paths, type Wire } from '../wire.ts';

export class RequestLink implements MessageLink {
  readonly isStream = false;
  readonly #wire: Wire;
  readonly #target: Target;
  readonly #events: LinkEvents;
  readonly #agent: MemberAgent;
  readonly #ending = new AbortController();
  #isSending = false;

  constructor(wire: Wire, target: Target, events: LinkEvents) {
    this.#wire = wire;
    this.#target = target;
    this.#events = events;
    this.#agent = new MemberAgent(wire, target.id, { keepAlive: true, maxSockets: 1 });
  }

  get canTake(): boolean {
    return !this.#isSending && !this.#ending.signal.aborted;
  }

  write({ bytes }: MessageFrame): void {
    this.#isSending = true;
    this.#post(bytes).then(
      () => {
        this.#isSending = false;
        if (this.#ending.signal.aborted) return;
        this.#events.onAnswer();
        this.#events.onReady();
      },
      (error: unknown) => this.#break(error),
    );
  }

  /** Nothing to do: requests have their own timeout. */
  pulse(): void {}

  doubt(): void {}

  forgive(): void {}

  close(): void {
    this.#ending.abort();
    this.#agent.destroy();
  }

  async #post(frame: Buffer): Promise<void> {
    const route = await routeTo(this.#wire, this.#target, this.#ending.signal);
    const request = ask(this.#wire, route, {
      method: 'POST',
      path: paths.messages,
      headers: { 'Content-Length': String(frame.length) },
      agent: this.#agent,
      signal: this.#ending.signal,
    });
    request.end(frame);
    const { response } = await answerOf(this.#wire, route, request);
    await this.#end(response);
  }

  /**
   * Resolves when the answer has ended. A peer that reads a slow body sends progress lines in its
   * answer.
   */
  async #end(response: IncomingMessage): Promise<void> {
    const { clock, settings } = this.#wire;
    const watch = () =>
      startStallWatch(clock, settings.stallTimeoutMs, () => {
        response.destroy(new Error(`nothing came for ${settings.stallTimeoutMs} ms`));
      });
    let timer = watch();
    response.on('data', () => {
      timer.cancel();
      timer = watch();
    });
    try {
      await finished(response);
    } finally {
      timer.cancel();
    }
  }

  #break(error: unknown): void {
    if (this.#ending.signal.aborted) return;
    this.close();
    const problem = `a request to member ${this.#target.id} failed`;
    this.#events.onBroken(
      error instanceof TransportError
        ? error
        : new TransportError('TRANSPORT_BROKEN', problem, { cause: error }),
    );
  }
}
