/**
 * Caches the IP addresses of the hosts of other members. A name lookup never delays a connection
 * for long: known addresses stay in use while they are looked up again in the background.
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

/** The time that an attempt to connect waits for a lookup, from the start of the lookup. */
const patienceMs = 2000;
/** A lookup that takes longer than this has failed. */
export const lookUpMsMax = 15_000;
/**
 * The pause between two lookups of a name while no connection succeeds; it doubles after each
 * lookup.
 */
const pauseMinMs = 100;
const pauseMaxMs = 5000;
/**
 * An address that was neither looked up nor connected to for this time is looked up again on its
 * next use.
 */
const freshMs = 60_000;
/**
 * The most hosts to remember, because a program that is not a member can name any number of hosts.
 */
const hostsMax = 256;

interface Entry {
  readonly host: string;
  /** Empty until the name was resolved for the first time. */
  addresses: readonly HostAddress[];
  /** The time at which the addresses were found, or a connection to one of them succeeded. */
  confirmedMs: number;
  /** The lookup in progress; it never rejects. */
  lookUp: Promise<void> | undefined;
  startedMs: number;
  /** The earliest time of the next lookup. */
  dueMs: number;
  /** Lookups since the last successful connection. */
  lookUpsWithoutConnection: number;
  error: unknown;
  readonly onMoved: Set<() => void>;
}

export interface NameBookParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly names: HostNames;
  /** Aborts all lookups. */
  readonly closing: AbortSignal;
}

export class NameBook {
  readonly #parts: NameBookParts;
  readonly #entries = new Map<string, Entry>();

  constructor(parts: NameBookParts) {
    this.#parts = parts;
  }

  /**
   * Resolves to the last known addresses of a host. It waits only if no address is known, until the
   * lookup has taken `waitMs` (default 2,000). Rejects with a `NameError` if the lookup fails or
   * takes longer, at once during the pause after a failed lookup; or with the reason of the signal.
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

  /** A connection to the right member succeeded, so the addresses of its host are correct. */
  worked(host: string): void {
    const entry = this.#entries.get(keyOf(host));
    if (entry === undefined) return;
    entry.confirmedMs = this.#nowMs();
    entry.lookUpsWithoutConnection = 0;
    entry.dueMs = 0;
  }

  /**
   * A connection failed or broke: looks the host up again, because its address may have changed.
   */
  failed(host: string): void {
    const entry = this.#entries.get(keyOf(host));
    if (entry !== undefined) this.#lookUpWhenDue(entry);
  }

  /**
   * The member on this host has connected to this one: looks the host up now, regardless of earlier
   * failures.
   */
  appeared(host: string): void {
    const entry = this.#entries.get(keyOf(host));
    if (entry === undefined) return;
    entry.lookUpsWithoutConnection = 0;
    entry.dueMs = 0;
    this.#lookUpWhenDue(entry);
  }

  /**
   * Calls `listener` when a lookup finds that the host has none of its previous addresses any more.
   * Returns a function that removes the listener.
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
    // The map is kept in the order of last use.
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
      // Keep an earlier error, because it says more than a timeout.
      const late = `no answer within ${lookUpMsMax} ms`;
      if (!signal.aborted) entry.error = error;
      else entry.error ??= new NameError(entry.host, late);
    } finally {
      timer.cancel();
      const pauseMs = Math.min(pauseMaxMs, pauseMinMs * 2 ** entry.lookUpsWithoutConnection);
      entry.lookUpsWithoutConnection = Math.min(entry.lookUpsWithoutConnection + 1, 16);
      // Random, so that the members of a cluster do not ask at the same moment.
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
  lookUpsWithoutConnection: 0,
  error: undefined,
  onMoved: new Set(),
});
