/**
 * Clients that write the pieces of the documents. A client repeats each write until it is
 * acknowledged.
 */
import type { KeyValueClient } from '../cluster/client/index.ts';
import { readPiece, type Piece } from '../common/documents.ts';
import type { Acknowledged } from './acknowledged.ts';

export const keyOf = ({ path, chunk }: Piece): string => `documents/${path}#${chunk}`;

export class Load {
  readonly #root: string;
  readonly #pieces: readonly Piece[];
  readonly #acknowledged: Acknowledged;
  /** The latency of each acknowledged write. */
  readonly latenciesMs: number[] = [];
  /**
   * Keys that already had a value when they were written. Each key is written once, so such a write
   * was applied twice.
   */
  readonly appliedTwice: string[] = [];
  #next = 0;
  #tookMs = 0;
  #waiters: { readonly writes: number; readonly resolve: () => void }[] = [];

  constructor(root: string, pieces: readonly Piece[], acknowledged: Acknowledged) {
    this.#root = root;
    this.#pieces = pieces;
    this.#acknowledged = acknowledged;
  }

  get total(): number {
    return this.#pieces.length;
  }

  get done(): number {
    return this.latenciesMs.length;
  }

  /** The seconds from the start of `run` to the last acknowledgement. */
  get seconds(): number {
    return this.#tookMs / 1000;
  }

  /**
   * Resolves when every piece is acknowledged. Rejects with the first error that a client cannot
   * resolve by trying again.
   */
  async run(clients: readonly KeyValueClient[]): Promise<void> {
    const startMs = performance.now();
    await Promise.all(clients.map((client) => this.#work(client)));
    this.#tookMs = performance.now() - startMs;
  }

  /** Resolves when this share of all writes, 0 to 1, is acknowledged. */
  reached(share: number): Promise<void> {
    const writes = Math.floor(this.total * share);
    if (this.done >= writes) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ writes, resolve }));
  }

  async #work(client: KeyValueClient): Promise<void> {
    for (;;) {
      const piece = this.#pieces[this.#next++];
      if (piece === undefined) return;
      const value = await readPiece(this.#root, piece);
      const startMs = performance.now();
      const { existed } = await client.put(keyOf(piece), value);
      if (existed) this.appliedTwice.push(keyOf(piece));
      this.latenciesMs.push(performance.now() - startMs);
      this.#acknowledged.add(keyOf(piece), value);
      this.#tell();
    }
  }

  #tell(): void {
    if (this.#waiters.every(({ writes }) => writes > this.done)) return;
    const waiters = this.#waiters;
    this.#waiters = waiters.filter(({ writes }) => writes > this.done);
    for (const { writes, resolve } of waiters) if (writes <= this.done) resolve();
  }
}
