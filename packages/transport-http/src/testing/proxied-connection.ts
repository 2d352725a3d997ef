/** One connection through the proxy. Each direction can be delayed, slowed down or stopped. */
import type { Socket } from 'node:net';
import type { Clock, Timer } from '@babuza/vfs';
import { handshakeHeader } from '../connections/handshake.ts';

export interface ProxyFaults {
  /** The delay of each chunk, in ms. */
  readonly delayMs: number;
  /** The bandwidth of each connection, in bytes per second. */
  readonly bytesPerSecond: number;
}

export interface ProxiedConnectionParts {
  readonly clock: Clock;
  readonly incoming: Socket;
  readonly outgoing: Socket;
  readonly faults: () => ProxyFaults;
  /** Whether the traffic of this sender is stopped; `undefined` if the sender is not known yet. */
  readonly isCut: (from: bigint | undefined) => boolean;
  /** Returns the chunk, possibly damaged, to forward to the member. */
  readonly damaged: (chunk: Buffer) => Buffer;
  readonly onClose: () => void;
}

/** One direction of the connection. */
interface OneWay {
  readonly source: Socket;
  readonly target: Socket;
  /** Delayed actions in the order of arrival, even if the delay changes. */
  readonly delayed: (() => void)[];
  /** A chunk is being sent at limited bandwidth; the next one has to wait. */
  isTaken: boolean;
}

/** The most bytes to search for the head of a request. */
const headBytesMax = 32 * 1024;

export class ProxiedConnection {
  readonly #parts: ProxiedConnectionParts;
  readonly #ways: readonly OneWay[];
  readonly #timers = new Set<Timer>();
  #from: bigint | undefined;
  #head = '';

  constructor(parts: ProxiedConnectionParts) {
    this.#parts = parts;
    const { incoming, outgoing } = parts;
    this.#ways = [
      { source: incoming, target: outgoing, delayed: [], isTaken: false },
      { source: outgoing, target: incoming, delayed: [], isTaken: false },
    ];
    for (const way of this.#ways) {
      const { source, target } = way;
      source.setNoDelay(true);
      source.on('data', (chunk: Buffer) => this.#pass(way, chunk));
      source.on('end', () => this.#later(way, this.#parts.faults().delayMs, () => target.end()));
      source.on('error', () => this.destroy());
      source.on('close', () => this.destroy());
      source.on('drain', () => this.flow());
    }
  }

  /** Resumes or pauses both directions according to the current faults. */
  flow(): void {
    const isCut = this.#parts.isCut(this.#from);
    for (const { source, target, isTaken } of this.#ways) {
      if (isCut || isTaken || target.writableNeedDrain) source.pause();
      else source.resume();
    }
  }

  destroy(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    this.#parts.incoming.destroy();
    this.#parts.outgoing.destroy();
    this.#parts.onClose();
  }

  #pass(way: OneWay, chunk: Buffer): void {
    const { source, target, delayed } = way;
    if (source === this.#parts.incoming && this.#from === undefined) this.#readHead(chunk);
    const { delayMs, bytesPerSecond } = this.#parts.faults();
    const slowMs = (chunk.length / bytesPerSecond) * 1000;
    if (this.#parts.isCut(this.#from) || way.isTaken) {
      // Keep the chunk: it is forwarded when the cut has ended.
      source.pause();
      source.unshift(chunk);
      return;
    }
    if (delayMs + slowMs === 0 && delayed.length === 0) {
      if (!target.write(this.#damaged(way, chunk))) source.pause();
      return;
    }
    if (slowMs > 0) {
      way.isTaken = true;
      source.pause();
    }
    this.#later(way, delayMs + slowMs, () => {
      way.isTaken = false;
      target.write(this.#damaged(way, chunk));
      this.flow();
    });
  }

  #damaged({ source }: OneWay, chunk: Buffer): Buffer {
    return source === this.#parts.incoming ? this.#parts.damaged(chunk) : chunk;
  }

  #readHead(chunk: Buffer): void {
    if (this.#head.length > headBytesMax) return;
    this.#head += chunk.toString('latin1');
    const line = new RegExp(`^${handshakeHeader}: .*?"from":"(\\d+)"`, 'im').exec(this.#head);
    if (line?.[1] === undefined) return;
    this.#from = BigInt(line[1]);
    this.#head = '';
  }

  /**
   * Runs actions in order after their delays. Each timer runs the oldest waiting action, so no
   * chunk overtakes another when the delay changes.
   */
  #later({ delayed }: OneWay, delayMs: number, action: () => void): void {
    delayed.push(action);
    const timer = this.#parts.clock.startTimer(delayMs, () => {
      this.#timers.delete(timer);
      delayed.shift()?.();
    });
    this.#timers.add(timer);
  }
}
