/** The names of hosts as this machine resolves them, without holding up anything else in the process. */
import { pause } from '../abort.ts';
import type { Clock } from '../environment.ts';
import { NodeClock } from '../node-environment.ts';
import { DnsNames } from './dns-names.ts';
import { NameError, describeCause, type HostAddress, type HostNames } from './host-names.ts';
import { HostsFile, SearchDomains } from './local-files.ts';
import { SystemNames } from './system-names.ts';

/** The system is asked, too, when the name servers have not answered after so long. */
const systemAfterMs = 500;

export interface NameSources {
  readonly hosts: Pick<HostsFile, 'addressesOf'>;
  readonly dns: HostNames;
  readonly system: HostNames;
}

/**
 * Asks the hosts file, then the name servers, then the system. Only the last one takes a thread of the pool: it is asked
 * where the name servers do not know the name, or are late.
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
      const answer = this.#sources.dns.lookUp(name, any);
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
    const over = new AbortController();
    const isLate = pause(this.#clock, systemAfterMs, AbortSignal.any([signal, over.signal]));
    // Where the name servers answer, the signal ends this.
    const hasFailed = new Promise<void>((resolve) => {
      answer.catch(() => resolve());
    });
    await Promise.race([isLate, hasFailed]);
    over.abort();
    return this.#sources.system.lookUp(name, signal);
  }
}

let names: MachineNames | undefined;

/** The names as this machine resolves them. All of a process share it, so that the bound for the thread pool holds. */
export function nodeNames(): HostNames {
  const clock = new NodeClock();
  names ??= new MachineNames(clock, {
    hosts: new HostsFile(),
    dns: new DnsNames(clock, new SearchDomains()),
    system: new SystemNames(clock),
  });
  return names;
}
