/** One connection of an attacker, and how it ended. */
import type { Duplex } from 'node:stream';
import { rawProtocol } from '@babuza/transport-http/testing';

const keptLength = 4096;
const statusPattern = /^HTTP\/1\.1 (\d{3})/;
const refusalPattern = new RegExp(`^${rawProtocol.refusalHeader}: (\\S+)`, 'im');
const codePattern = /"code": ?"([A-Z_]+)"/;
/** What became of a snapshot, in the body of an answer. */
const fatePattern = /"taken":false,"reason":"([a-z-]+)"/;

export class Line {
  readonly #connection: Duplex;
  readonly #signal: AbortSignal;
  /** Resolves when the connection is closed, by whomever. */
  readonly #closed: Promise<void>;
  #text = '';
  #onText: () => void = () => undefined;

  /** The connection is closed when the signal fires. */
  constructor(connection: Duplex, signal: AbortSignal) {
    this.#connection = connection;
    this.#signal = signal;
    const onAbort = (): void => void connection.destroy();
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    this.#closed = new Promise((resolve) => {
      connection.once('close', () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      });
    });
    connection.on('end', () => connection.destroy());
    connection.on('data', (chunk: Buffer) => {
      if (this.#text.length < keptLength) this.#text += chunk.toString('latin1');
      this.#onText();
    });
  }

  /** Whether the head of an answer has come. */
  get isAnswered(): boolean {
    return this.has('\r\n\r\n');
  }

  /** Whether the other side has begun an answer of which it sends more until it has decided. */
  get isStillAnswered(): boolean {
    return this.has('HTTP/1.1 200') && this.has('chunked') && !this.has('\r\n0\r\n');
  }

  /** Whether this text has come. */
  has(text: string): boolean {
    return this.#text.includes(text);
  }

  /** What is written to a closed connection is dropped. */
  write(bytes: string | Uint8Array): void {
    if (this.#connection.writable) this.#connection.write(bytes);
  }

  /** Writes at the pace of the other side. False when the connection was closed meanwhile. */
  async send(bytes: Uint8Array): Promise<boolean> {
    if (!this.#connection.writable) return false;
    if (this.#connection.write(bytes)) return true;
    const drained = new Promise((resolve) => void this.#connection.once('drain', resolve));
    await Promise.race([drained, this.#closed]);
    return this.#connection.writable;
  }

  /** Waits with an open connection. False when it was closed meanwhile. */
  async hold(ms: number): Promise<boolean> {
    const timer = pauseOf(ms);
    await Promise.race([timer.over, this.#closed]);
    timer.cancel();
    return !this.#connection.destroyed;
  }

  /** Waits for an answer or the end for so long, closes, and says in a few words how it ended. */
  async outcome(waitMs: number): Promise<string> {
    const answered = new Promise<void>((resolve) => {
      this.#onText = () => {
        if (this.isAnswered && !this.isStillAnswered) resolve();
      };
      this.#onText();
    });
    const timer = pauseOf(waitMs);
    await Promise.race([answered, timer.over, this.#closed]);
    timer.cancel();
    const wasClosed = this.#connection.destroyed;
    this.#connection.destroy();
    const [, status] = statusPattern.exec(this.#text) ?? [];
    if (status !== undefined && !this.isStillAnswered) return answerOf(status, this.#text);
    if (this.#signal.aborted) return 'open at the end';
    return wasClosed ? 'closed by the other side' : 'no answer';
  }
}

function answerOf(status: string, text: string): string {
  const patterns = [refusalPattern, codePattern, fatePattern];
  const why = patterns.map((pattern) => pattern.exec(text)?.[1]).find((word) => word !== undefined);
  return why === undefined ? `answered ${status}` : `refused with ${status} ${why}`;
}

/** A pause that can be ended before its time, so that no timer is left behind. */
function pauseOf(ms: number): { readonly over: Promise<void>; readonly cancel: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  return { over, cancel: () => clearTimeout(timer) };
}
