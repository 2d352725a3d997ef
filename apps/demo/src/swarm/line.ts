/** One connection of an attacker, and how it ended. */
import type { Duplex } from 'node:stream';
import { rawProtocol } from '@babuza/transport-http/testing';

const keptLength = 4096;
const statusPattern = /^HTTP\/1\.1 (\d{3})/;
const refusalPattern = new RegExp(`^${rawProtocol.refusalHeader}: (\\S+)`, 'im');
const codePattern = /"code": ?"([A-Z_]+)"/;
/** The outcome of a snapshot in the body of an answer. */
const snapshotOutcomePattern = /"taken":false,"reason":"([a-z-]+)"/;

export class Line {
  readonly #connection: Duplex;
  readonly #signal: AbortSignal;
  /** Resolves when either side has closed the connection. */
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

  /** Whether the head of an answer has arrived. */
  get isAnswered(): boolean {
    return this.has('\r\n\r\n');
  }

  /**
   * Whether the server is still sending a chunked answer. It keeps the answer open until it has
   * decided.
   */
  get isStillAnswered(): boolean {
    return this.has('HTTP/1.1 200') && this.has('chunked') && !this.has('\r\n0\r\n');
  }

  /** Whether the received data contains this text. */
  has(text: string): boolean {
    return this.#text.includes(text);
  }

  /** Writes without waiting. Bytes for a closed connection are dropped. */
  write(bytes: string | Uint8Array): void {
    if (this.#connection.writable) this.#connection.write(bytes);
  }

  /** Writes with backpressure. Returns false when the connection is closed. */
  async send(bytes: Uint8Array): Promise<boolean> {
    if (!this.#connection.writable) return false;
    if (this.#connection.write(bytes)) return true;
    const drained = new Promise((resolve) => void this.#connection.once('drain', resolve));
    await Promise.race([drained, this.#closed]);
    return this.#connection.writable;
  }

  /** Keeps the connection open for `ms`. Returns false when it was closed meanwhile. */
  async hold(ms: number): Promise<boolean> {
    const timer = pauseOf(ms);
    await Promise.race([timer.over, this.#closed]);
    timer.cancel();
    return !this.#connection.destroyed;
  }

  /**
   * Waits up to `waitMs` for an answer or the end of the connection, then closes it. Returns the
   * outcome in a few words.
   */
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
    if (this.#signal.aborted) return 'still open at the end of the attack';
    return wasClosed ? 'closed by the other side' : 'no answer';
  }
}

function answerOf(status: string, text: string): string {
  const patterns = [refusalPattern, codePattern, snapshotOutcomePattern];
  const why = patterns.map((pattern) => pattern.exec(text)?.[1]).find((word) => word !== undefined);
  return why === undefined ? `answered ${status}` : `refused with ${status} ${why}`;
}

/** A timer that can be cancelled, so that it does not keep the process alive. */
function pauseOf(ms: number): { readonly over: Promise<void>; readonly cancel: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  return { over, cancel: () => clearTimeout(timer) };
}
