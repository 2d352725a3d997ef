/** Looks up names of hosts as this machine does, without delaying anything else in the process. */
import { atMost, unlessAborted } from '../abort.ts';
import type { Clock } from '../environment.ts';
import { NodeClock } from '../node-environment.ts';
import { DnsNames } from './dns-names.ts';
import { NameError, describeCause, type HostAddress, type HostNames } from './host-names.ts';
import { HostsFile, OtherSources, SearchDomains } from './local-files.ts';
import { SystemNames } from './system-names.ts';

/** How long the name servers have to answer before the system is asked as well. */
const lateAfterMs = 500;

export interface NameSources {
  readonly hosts: Pick<HostsFile, 'addressesOf'>;
  readonly dns: HostNames;
  readonly system: HostNames;
  /** Whether the system has sources of names other than the hosts file and the name servers. */
  readonly others: Pick<OtherSources, 'exist'>;
}

/**
 * Tries the hosts file, then the name servers, then the system. Only a look-up by the system takes
 * a thread of the pool, and the process cannot end while it runs. So the system is asked when it
 * will answer soon, which is when the name servers have answered that they do not know the name. If
 * they do not answer, it is asked only if it has other sources.
 */
export class MachineNames implements HostNames {
  readonly #clock: Clock;
  readonly #sources: NameSources;

  constructor(clock: Clock, sources: NameSources) {
    this.#clock = clock;
    this.#sources = sources;
  }

  /** Rejects with a `NameError` (`NAME_UNRESOLVED`), or with the reason of the signal. */
  async lookUp(name: string, signal: AbortSignal): Promise<readonly HostAddress[]> {
    signal.throwIfAborted();
    const local = this.#sources.hosts.addressesOf(name);
    if (local.length > 0) return local;
    const ending = new AbortController();
    const any = AbortSignal.any([signal, ending.signal]);
    try {
      const answer = unlessAborted(any, this.#sources.dns.lookUp(name, any));
      return await Promise.any([answer, this.#askLater(name, answer, any)]);
    } catch (error) {
      signal.throwIfAborted();
      const hint = 'check the name servers, or give it an address in the hosts file';
      throw new NameError(name, `${describeCause(error)}; ${hint}`, { cause: error });
    } finally {
      ending.abort();
    }
  }

  async #askLater(
    name: string,
    answer: Promise<unknown>,
    signal: AbortSignal,
  ): Promise<readonly HostAddress[]> {
    const failure = answer.then(
      // The name servers have answered, so the signal ends this look-up.
      () => new Promise<never>(() => undefined),
      (error: unknown) => error,
    );
    if (this.#sources.others.exist) {
      await atMost(this.#clock, lateAfterMs, failure, signal);
    } else if (isSilence(await unlessAborted(signal, failure))) {
      throw new Error('the system has no other source of names');
    }
    return this.#sources.system.lookUp(name, signal);
  }
}

/** Whether no name server has answered. */
const isSilence = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ETIMEOUT';

let names: MachineNames | undefined;

/**
 * The names of hosts as this machine resolves them. The whole process shares one object, so that
 * the bound on threads of the pool holds.
 */
export function nodeNames(): HostNames {
  const clock = new NodeClock();
  names ??= new MachineNames(clock, {
    hosts: new HostsFile(),
    dns: new DnsNames(clock, new SearchDomains()),
    system: new SystemNames(clock),
    others: new OtherSources(),
  });
  return names;
}
