/**
 * The addresses of the other members' hosts, as one member knows them. A look-up never holds up a
 * connection for long: what was found stays in use until another address is found, and is looked up
 * again beside the connections.
 */
import { isIP } from 'node:net';
import {
  atMost,
  NameError,
  unlessAborted,
  type Clock,
  type HostAddress,
  type HostNames,
  type Random,
} from '@babuza/vfs';

/**
 * How long an attempt to connect waits for a look-up, counted from the beginning of the look-up.
 */
const patienceMs = 2000;
/** A look-up that has not ended after this time has failed. */
export const lookUpMsMax = 15_000;
/** Between two look-ups of a name that lead to no connection; doubled after each of them. */
const pauseMinMs = 100;
const pauseMaxMs = 5000;
/**
 * An address that was neither looked up nor connected to for so long is looked up again when it is
 * used.
 */
const freshMs = 60_000;
/** More hosts are not remembered: a process that is no member can name as many as it likes. */
const hostsMax = 256;

interface Entry {
  readonly host: string;
  /** Empty while the name was never resolved. */
  addresses: readonly HostAddress[];
  /** When the addresses were found, or a connection to one of them was made. */
  confirmedMs: number;
  /** The look-up that is under way; it never rejects. */
  lookUp: Promise<void> | undefined;
  startedMs: number;
  /** The next look-up is not due before. */
  dueMs: number;
  /** Look-ups since the last connection that was made. */
  vainLookUps: number;
  error: unknown;
  readonly onMoved: Set<() => void>;
}

export interface NameBookParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly names: HostNames;
  /** Ends all look-ups. */
  readonly closing: AbortSignal;
}

export class NameBook {
  readonly #parts: NameBookParts;
  readonly #entries = new Map<string, Entry>();

  constructor(parts: NameBookParts) {
    this.#parts = parts;
  }

  /**
   * The addresses of a host, the last ones that are known. Waits only where none is known, until
   * the look-up has taken `waitMs` (2 s by default). Rejects with a `NameError`, at once while a
   * name that has failed rests; or with the reason of the signal.
   */
  async addressesOf(
    host: string,
    signal: AbortSignal,
    waitMs: number = patienceMs,
  ): Promise<readonly HostAddress[]> {
    const family = isIP(host);
    if (family === 4 || family === 6) return [{ address: host, family }];
    const entry = this.#entry(host);
    if (entry.addresses.length > 0) {
      if (this.#nowMs() - entry.confirmedMs >= freshMs) this.#lookUpWhenDue(entry);
      return entry.addresses;
    }
    this.#lookUpWhenDue(entry);
    await this.#wait(entry, signal, waitMs);
    if (entry.addresses.length > 0) return entry.addresses;
    throw entry.error ?? new NameError(host, `no answer within ${waitMs} ms`);
  }

  /** A connection to the right member was made: the addresses of its host are good. */
  worked(host: string): void {
    const entry = this.#entries.get(keyOf(host));
    if (entry === undefined) return;
    entry.confirmedMs = this.#nowMs();
    entry.vainLookUps = 0;
    entry.dueMs = 0;
  }

  /** A connection failed or broke: the host may have another address now. */
  failed(host: string): void {
    const entry = this.#entries.get(keyOf(host));
    if (entry !== undefined) this.#lookUpWhenDue(entry);
  }

  /**
   * The member on this host is back: what has failed before says nothing about the next look-up.
   */
  appeared(host: string): void {
    const entry = this.#entries.get(keyOf(host));
    if (entry === undefined) return;
    entry.vainLookUps = 0;
    entry.dueMs = 0;
    this.#lookUpWhenDue(entry);
  }

  /**
   * Calls `listener` when the host is found to have none of the addresses any more that it had.
   * Returns how to end that.
   */
  onMoved(host: string, listener: () => void): () => void {
    const listeners = this.#entries.get(keyOf(host))?.onMoved;
    listeners?.add(listener);
    return () => void listeners?.delete(listener);
  }

  #nowMs(): number {
    return this.#parts.clock.monotonicMs();
  }

  #entry(host: string): Entry {
    const key = keyOf(host);
    const entry = this.#entries.get(key) ?? newEntry(host);
    // The order of the map is that of the last use.
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > hostsMax && oldest !== undefined) this.#entries.delete(oldest);
    return entry;
  }

  async #wait({ lookUp, startedMs }: Entry, signal: AbortSignal, waitMs: number): Promise<void> {
    const leftMs = startedMs + waitMs - this.#nowMs();
    if (lookUp === undefined || leftMs <= 0) return;
    await atMost(this.#parts.clock, leftMs, lookUp, signal);
  }

  #lookUpWhenDue(entry: Entry): void {
    const isDue = this.#nowMs() >= entry.dueMs;
    if (entry.lookUp !== undefined || !isDue || this.#parts.closing.aborted) return;
    entry.startedMs = this.#nowMs();
    entry.lookUp = this.#lookUp(entry).finally(() => {
      entry.lookUp = undefined;
    });
  }

  async #lookUp(entry: Entry): Promise<void> {
    const { clock, random, names, closing } = this.#parts;
    const limit = new AbortController();
    const timer = clock.startTimer(lookUpMsMax, () => limit.abort());
    const signal = AbortSignal.any([closing, limit.signal]);
    try {
      const found = await unlessAborted(signal, names.lookUp(entry.host, signal));
      if (found.length === 0) throw new NameError(entry.host, 'it has no address');
      this.#learn(entry, found);
    } catch (error) {
      // That it took too long says less than an earlier failure.
      const late = `no answer within ${lookUpMsMax} ms`;
      if (!signal.aborted) entry.error = error;
      else entry.error ??= new NameError(entry.host, late);
    } finally {
      timer.cancel();
      const pauseMs = Math.min(pauseMaxMs, pauseMinMs * 2 ** entry.vainLookUps);
      entry.vainLookUps = Math.min(entry.vainLookUps + 1, 16);
      // The members of a cluster do not ask in the same moment.
      entry.dueMs = this.#nowMs() + pauseMs * (0.5 + random.uint32() / 2 ** 33);
    }
  }

  #learn(entry: Entry, found: readonly HostAddress[]): void {
    const isKept = entry.addresses.some(({ address }) =>
      found.some((other) => other.address === address),
    );
    const isMoved = entry.addresses.length > 0 && !isKept;
    entry.addresses = found;
    entry.confirmedMs = this.#nowMs();
    entry.error = undefined;
    if (isMoved) for (const listener of entry.onMoved) listener();
  }
}

const keyOf = (host: string): string => host.toLowerCase();

const newEntry = (host: string): Entry => ({
  host,
  addresses: [],
  confirmedMs: 0,
  lookUp: undefined,
  startedMs: 0,
  dueMs: 0,
  vainLookUps: 0,
  error: undefined,
  onMoved: new Set(),
});
