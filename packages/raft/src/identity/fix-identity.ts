/**
 * Writes the entries about identities, as leader: the birth id of a cluster that has none, and the
 * log that each member has. An entry has no effect when another one was committed first.
 */
import type { CoreDriver } from '../driver/core-driver.ts';
import type { Clock, Random } from '@babuza/vfs';
import { encodeEnvelope, EnvelopeKind } from '../proposals/envelope.ts';
import { leads } from '../driver/loop.ts';
import type { ReplicatedState } from '../apply/replicated-state.ts';
import { randomIdentity } from './hex.ts';
import { encodeIdentityEntry, type IdentityEntry } from './identity-entries.ts';

export interface FixIdentityParts {
  readonly state: ReplicatedState;
  readonly clock: Clock;
  readonly random: Random;
  readonly isLeader: () => boolean;
  readonly unbound: () => Map<bigint, string>;
  /** The birth id that a leader of this cluster has told, even if the log does not have it yet. */
  readonly toldBirth: () => string | undefined;
  /** Gives the core a proposal; one that it refuses is dropped. */
  readonly core: Pick<CoreDriver, 'tryRun'>;
}

export class FixIdentity {
  readonly #parts: FixIdentityParts;
  /** Members whose log was proposed since this node leads. */
  readonly #proposed = new Set<bigint>();
  /** Whether the birth id was proposed since this node leads. */
  #isBirthProposed = false;

  constructor(parts: FixIdentityParts) {
    this.#parts = parts;
  }

  /** Called when this node has begun to lead. */
  leads(): void {
    this.#proposed.clear();
    this.#isBirthProposed = false;
    this.birth();
    this.bind();
  }

  /**
   * Called when a proposal waits for the birth id, which is proposed again if the core has refused
   * it.
   */
  birth(): void {
    const { state, random, toldBirth, isLeader } = this.#parts;
    if (!isLeader() || state.identity.birth !== undefined || this.#isBirthProposed) return;
    const birth = toldBirth() ?? randomIdentity(random);
    this.#isBirthProposed = this.#propose({ birth, logIds: this.#unproposed() });
  }

  /** Called when an entry was applied, or a member was admitted. */
  bind(): void {
    const { state, isLeader } = this.#parts;
    if (!isLeader() || state.identity.birth === undefined) return;
    const logIds = this.#unproposed();
    if (logIds.size > 0) this.#propose({ logIds });
  }

  #unproposed(): Map<bigint, string> {
    const logIds = this.#parts.unbound();
    for (const id of this.#proposed) logIds.delete(id);
    for (const id of logIds.keys()) this.#proposed.add(id);
    return logIds;
  }

  /** Returns whether the core has taken the entry. */
  #propose(entry: IdentityEntry): boolean {
    const { clock, core } = this.#parts;
    const data = encodeEnvelope({
      kind: EnvelopeKind.Identity,
      proposedAtMs: Math.max(0, Math.floor(clock.wallMs())),
      payload: encodeIdentityEntry(entry),
    });
    let isProposed = false;
    core.tryRun((node) => {
      if (!leads(node.basicStatus())) return;
      node.propose(data);
      isProposed = true;
    });
    // The core has refused it, for example during a leadership transfer. It is proposed again
    // later.
    if (!isProposed) for (const id of entry.logIds?.keys() ?? []) this.#proposed.delete(id);
    return isProposed;
  }
}
