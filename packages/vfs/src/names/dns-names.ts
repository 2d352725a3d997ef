/**
 * Look-ups with the name servers of this machine. They use no thread of the pool, can be cancelled,
 * and have time limits.
 */
import { Resolver } from 'node:dns/promises';
import { atMost } from '../abort.ts';
import type { Clock } from '../environment.ts';
import type { HostAddress, HostNames } from './host-names.ts';
import type { SearchDomains } from './local-files.ts';

/** The methods of a resolver that a look-up needs: that of Node.js, or a simulated one. */
export interface AddressResolver {
  resolve4(name: string): Promise<string[]>;
  resolve6(name: string): Promise<string[]>;
  /** Ends all queries. */
  cancel(): void;
}

/** A name server has 1 s for an answer, and twice as long each time when it is asked again. */
const resolverOptions = { timeout: 1000, tries: 3 };

/** How long to wait for the addresses of the second family after those of the first are known. */
const otherFamilyMs = 50;

/**
 * Whether the server knows the name but has no such address, or does not know the name. In both
 * cases the next candidate is tried.
 */
const isUnknown = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && /^(?:ENODATA|ENOTFOUND)$/.test(String(error.code));

export class DnsNames implements HostNames {
  readonly #clock: Clock;
  readonly #search: SearchDomains;
  readonly #newResolver: () => AddressResolver;

  /**
   * `newResolver` is called for each look-up, because a resolver reads the addresses of the name
   * servers when it is made.
   */
  constructor(
    clock: Clock,
    search: SearchDomains,
    newResolver: () => AddressResolver = () => new Resolver(resolverOptions),
  ) {
    this.#clock = clock;
    this.#search = search;
    this.#newResolver = newResolver;
  }

  async lookUp(name: string, signal: AbortSignal): Promise<readonly HostAddress[]> {
    signal.throwIfAborted();
    const resolver = this.#newResolver();
    const cancel = (): void => resolver.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      let unknown: unknown;
      for (const candidate of this.#search.candidatesOf(name)) {
        try {
          return await this.#ask(resolver, candidate, signal);
        } catch (error) {
          signal.throwIfAborted();
          if (!isUnknown(error)) throw error;
          unknown = error;
        }
      }
      throw unknown;
    } finally {
      signal.removeEventListener('abort', cancel);
      resolver.cancel();
    }
  }

  /**
   * Rejects with the failure that says most: a server that does not answer takes precedence over a
   * name that has no address.
   */
  async #ask(
    resolver: AddressResolver,
    name: string,
    signal: AbortSignal,
  ): Promise<readonly HostAddress[]> {
    const found: HostAddress[] = [];
    const failures: unknown[] = [];
    const queries = ([4, 6] as const).map(async (family) => {
      try {
        const query = family === 4 ? resolver.resolve4(name) : resolver.resolve6(name);
        for (const address of await query) found.push({ address, family });
      } catch (error) {
        failures.push(error);
      }
    });
    const both = Promise.all(queries);
    await Promise.race(queries);
    if (found.length === 0) await both;
    else await atMost(this.#clock, otherFamilyMs, both, signal);
    if (found.length > 0) return found.toSorted((one, other) => one.family - other.family);
    throw failures.find((failure) => !isUnknown(failure)) ?? failures[0];
  }
}
