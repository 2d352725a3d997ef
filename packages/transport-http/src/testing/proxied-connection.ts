/** One connection through the proxy: what comes on one side goes out on the other, late, slowly, or not at all. */
import type { Socket } from 'node:net';
import type { Clock, Timer } from '@babuza/vfs';
import { handshakeHeader } from '../handshake.ts';
import type { ProxyFaults } from './fault-proxy.ts';

export interface ProxiedConnectionParts {
  readonly clock: Clock;
  readonly incoming: Socket;
  readonly outgoing: Socket;
  readonly faults: () => ProxyFaults;
  /** Of who connects, where that is known. */
  readonly isCut: (from: bigint | undefined) => boolean;
  readonly onClose: () => void;
}

/** The head of a request is within so many bytes. */
const headBytesMax = 32 * 1024;

export class ProxiedConnection {
  readonly #parts: ProxiedConnectionParts;
  readonly #timers = new Set<Timer>();
  #from: bigint | undefined;
  #head = '';

  constructor(parts: ProxiedConnectionParts) {
    this.#parts = parts;
    const { incoming, outgoing } = parts;
    for (const [source, target] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      source.setNoDelay(true);
      source.on('data', (chunk: Buffer) => this.#pass(source, target, chunk));
      source.on('end', () => this.#later(() => target.end()));
      source.on('error', () => this.destroy());
      source.on('close', () => this.destroy());
      source.on('drain', () => this.flow());
    }
  }

  /** Lets it flow, or stop, as the faults are now. */
  flow(): void {
    const { incoming, outgoing } = this.#parts;
    const isCut = this.#parts.isCut(this.#from);
    for (const [source, target] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      if (isCut || target.writableNeedDrain) source.pause();
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

  #pass(source: Socket, target: Socket, chunk: Buffer): void {
    if (source === this.#parts.incoming && this.#from === undefined) this.#readHead(chunk);
    const { delayMs, bytesPerSecond } = this.#parts.faults();
    const slowMs = (chunk.length / bytesPerSecond) * 1000;
    if (this.#parts.isCut(this.#from)) {
      // It is on its way, and comes when the way is whole again.
      source.pause();
      source.unshift(chunk);
      return;
    }
    if (delayMs + slowMs === 0) {
      if (!target.write(chunk)) source.pause();
      return;
    }
    if (slowMs > 0) source.pause();
    this.#later(() => {
      target.write(chunk);
      this.flow();
    }, delayMs + slowMs);
  }

  #readHead(chunk: Buffer): void {
    if (this.#head.length > headBytesMax) return;
    this.#head += chunk.toString('latin1');
    const line = new RegExp(`^${handshakeHeader}: .*?"from":"(\\d+)"`, 'im').exec(this.#head);
    if (line?.[1] === undefined) return;
    this.#from = BigInt(line[1]);
    this.#head = '';
  }

  #later(action: () => void, delayMs: number = this.#parts.faults().delayMs): void {
    const timer = this.#parts.clock.startTimer(delayMs, () => {
      this.#timers.delete(timer);
      action();
    });
    this.#timers.add(timer);
  }
}
