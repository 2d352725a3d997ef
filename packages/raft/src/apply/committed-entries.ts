/**
 * Applies committed entries one after the other: proposals for the user's state machine, within
 * sessions or without, changes of the membership, and entries without effect. Proposals that follow
 * each other are given to the state machine in one call.
 *
 * Decisions: docs/decisions/0025-membership-is-replicated-state.md,
 * docs/decisions/0026-proposals-and-their-outcomes.md and
 * docs/decisions/0027-state-machines-and-sessions.md.
 */
import {
  confChangeAsV2,
  ConfChangeTransition,
  ConfChangeType,
  decodeConfChange,
  decodeConfChangeV2,
  EntryType,
  type ConfChangeSingle,
  type ConfChangeV2,
  type ConfState,
  type Entry,
} from '@babuza/raftpb';
import { decodeEnvelope, EnvelopeKind, type Envelope } from '../proposals/envelope.ts';
import { RaftError } from '../errors.ts';
import {
  boundMembership,
  decodeIdentityEntry,
  identityAfter,
  type IdentityEntry,
} from '../identity/identity-entries.ts';
import {
  changedMembership,
  coreChanges,
  type MembershipOperation,
} from '../membership/membership.ts';
import { decodeOperations } from '../membership/membership-codec.ts';
import { outcomeOf, type Outcome } from '../proposals/outcome.ts';
import type { SessionVerdict } from '../ports/session-manager.ts';
import type { AppliedEntry, ApplyResult, StateMachine } from '../ports/state-machine.ts';
import type { ReplicatedState } from './replicated-state.ts';
import type { SessionCounts } from '../status.ts';

export interface EntryParts<Query, Answer> {
  readonly state: ReplicatedState;
  readonly stateMachine: StateMachine<Query, Answer>;
  /** A disk state machine has the entries up to this index already; it is not given them again. */
  readonly machineAppliedIndex: number;
  /** Resolves when the commit index is durable. */
  readonly syncCommit: () => Promise<void>;
  /**
   * Applies a change to the core, which may have the entry's index as part of a snapshot already.
   * Returns an error when no core can make this change.
   */
  readonly applyToCore: (change: ConfChangeV2, index: number) => ConfState | RaftError | undefined;
  /** Called for each applied entry, in order. */
  readonly onOutcome: (entry: Entry, envelope: Envelope | undefined, outcome: Outcome) => void;
  readonly onMembership: (operations: readonly MembershipOperation[]) => void;
  /** Called for a committed entry that cannot be read or applied, and that every replica skips. */
  readonly onUnreadable?: (entry: Entry, error: RaftError) => void;
  /** Called when the state has the identity of the cluster, or the log ids, of this entry. */
  readonly onIdentity: (entry: IdentityEntry) => void;
}

/** A proposal that waits to be given to the state machine together with others. */
interface Gathered {
  readonly entry: Entry;
  readonly envelope: Envelope;
  readonly applied: AppliedEntry;
}

const noBytes = new Uint8Array(0);

const changeWithoutEffect: ConfChangeV2 = {
  transition: ConfChangeTransition.Auto,
  changes: [{ type: ConfChangeType.AddNode, nodeId: 0n }],
};

export class CommittedEntries<Query, Answer> {
  readonly #parts: EntryParts<Query, Answer>;
  #gathered: Gathered[] = [];
  /** Sessions with a gathered proposal. Their next proposal must see its result. */
  readonly #gatheredSessions = new Set<number>();
  #duplicates = 0;
  #refused = 0;

  constructor(parts: EntryParts<Query, Answer>) {
    this.#parts = parts;
  }

  get sessionCounts(): SessionCounts {
    const { count: open } = this.#parts.state.sessions;
    return { open, duplicates: this.#duplicates, refused: this.#refused };
  }

  /** Applies all entries in order. */
  async apply(entries: readonly Entry[]): Promise<void> {
    const { state } = this.#parts;
    for (const entry of entries) {
      // The entry is covered by a snapshot that was installed while it waited here.
      if (entry.index <= state.appliedIndex) continue;
      if (entry.type !== EntryType.Normal) {
        await this.#flush();
        await this.#applyChange(entry);
      } else if (entry.data === undefined || entry.data.length === 0) {
        await this.#flush();
        this.#finish(entry, undefined, { kind: 'applied', result: undefined, resultLost: false });
      } else {
        const envelope = readable(() => decodeEnvelope(entry.data ?? noBytes, entry.index));
        if (envelope instanceof RaftError) await this.#passOver(entry, envelope);
        else await this.#applyProposal(entry, envelope);
      }
    }
    await this.#flush();
  }

  async #applyProposal(entry: Entry, envelope: Envelope): Promise<void> {
    const { state } = this.#parts;
    const { session, kind } = envelope;
    const needsOrder =
      kind !== EnvelopeKind.Payload ||
      (session !== undefined && this.#gatheredSessions.has(session.sessionId));
    if (needsOrder) await this.#flush();
    const timeMs = state.advanceTime(envelope.proposedAtMs);
    if (kind === EnvelopeKind.RegisterSession) {
      state.sessions.register(entry.index, timeMs);
      this.#finish(entry, envelope, { kind: 'session', ended: false });
    } else if (kind === EnvelopeKind.Identity) {
      await this.#applyIdentity(entry, envelope);
    } else if (kind === EnvelopeKind.UnregisterSession) {
      const ended = state.sessions.unregister(session?.sessionId ?? 0, timeMs);
      this.#finish(entry, envelope, { kind: 'session', ended });
    } else {
      const verdict: SessionVerdict =
        session === undefined ? { kind: 'apply' } : state.sessions.judge(session, timeMs);
      if (verdict.kind === 'apply') this.#gather(entry, envelope, timeMs);
      else {
        await this.#flush();
        if (verdict.kind === 'duplicate') this.#duplicates += 1;
        else this.#refused += 1;
        this.#finish(entry, envelope, outcomeOf(verdict));
      }
    }
  }

  /**
   * An entry that cannot be read has no effect on any replica. If it were an error, a single forged
   * entry would stop every member, at each start again. So a later release must not write a new
   * format before all members have announced that they can read it.
   */
  async #passOver(entry: Entry, error: RaftError): Promise<void> {
    await this.#flush();
    this.#parts.onUnreadable?.(entry, error);
    this.#finish(entry, undefined, { kind: 'refused', error });
  }

  async #applyIdentity(entry: Entry, envelope: Envelope): Promise<void> {
    const { state, onIdentity } = this.#parts;
    const identityEntry = readable(() => this.#readIdentity(entry, envelope));
    if (identityEntry instanceof RaftError) {
      await this.#passOver(entry, identityEntry);
      return;
    }
    state.identity = identityAfter(state.identity, identityEntry);
    state.membership = boundMembership(state.membership, identityEntry);
    onIdentity(identityEntry);
    this.#finish(entry, envelope, { kind: 'identity' });
  }

  /**
   * Only a recovery begins a new identity, behind the removals of all other members. In a cluster
   * of several members it must be refused: a hostile leader could bind members to other logs, and
   * each would stop.
   */
  #readIdentity({ index }: Entry, { payload }: Envelope): IdentityEntry {
    const entry = decodeIdentityEntry(payload, index);
    const { size } = this.#parts.state.membership.members;
    if (entry.renewed === undefined || size <= 1) return entry;
    throw new RaftError(
      'RAFT_STATE_UNREADABLE',
      `entry ${index} begins a new identity of a cluster with ${size} members, expected 1`,
    );
  }

  #gather(entry: Entry, envelope: Envelope, timeMs: number): void {
    const { index, term } = entry;
    this.#gathered.push({
      entry,
      envelope,
      applied: { index, term, data: envelope.payload, timeMs },
    });
    if (envelope.session !== undefined) this.#gatheredSessions.add(envelope.session.sessionId);
  }

  /** Gives the gathered entries to the state machine, as one call. */
  async #flush(): Promise<void> {
    if (this.#gathered.length === 0) return;
    const gathered = this.#gathered;
    this.#gathered = [];
    this.#gatheredSessions.clear();
    const { stateMachine, machineAppliedIndex } = this.#parts;
    const fresh = gathered.filter(({ entry }) => entry.index > machineAppliedIndex);
    const results = fresh.length === 0 ? [] : await this.#applyToMachine(stateMachine, fresh);
    let at = 0;
    for (const { entry, envelope } of gathered) {
      const resultLost = entry.index <= machineAppliedIndex;
      const result = resultLost ? undefined : results[at];
      if (!resultLost) at += 1;
      const { session } = envelope;
      if (session !== undefined) this.#parts.state.sessions.record(session, result, resultLost);
      this.#finish(entry, envelope, { kind: 'applied', result, resultLost });
    }
  }

  async #applyToMachine(
    stateMachine: StateMachine<Query, Answer>,
    fresh: readonly Gathered[],
  ): Promise<readonly ApplyResult[]> {
    let results: readonly ApplyResult[];
    try {
      results = await stateMachine.apply(fresh.map(({ applied }) => applied));
    } catch (error) {
      throw new RaftError('RAFT_STATE_MACHINE_FAILED', `${callOf(fresh)} failed`, error);
    }
    const isFine =
      Array.isArray(results) &&
      results.length === fresh.length &&
      results.every((result) => result === undefined || result instanceof Uint8Array);
    if (isFine) return results;
    const got = Array.isArray(results)
      ? `${results.length}: ${results.map(String).join(', ')}`
      : typeof results;
    throw new RaftError(
      'RAFT_STATE_MACHINE_FAILED',
      `${callOf(fresh)} must return ${fresh.length} results, each bytes or undefined; got ${got.slice(0, 200)}`,
    );
  }

  /**
   * Applies a membership change. Every replica decides alike. A refused change reaches the core as
   * a change of node 0, which has no effect.
   *
   * The commit index is made durable before the change takes effect. Otherwise a node that crashed
   * afterwards and restarted with an older commit index would count votes by the old membership
   * again, although the new one may have voted already.
   */
  async #applyChange(entry: Entry): Promise<void> {
    const { state, syncCommit, applyToCore, onMembership } = this.#parts;
    await syncCommit();
    const read = readable(() => readChange(entry));
    if (read instanceof RaftError) {
      this.#parts.onUnreadable?.(entry, read);
      this.#refuseChange(entry, new RaftError('RAFT_CONF_CHANGE_REFUSED', read.message, read));
      return;
    }
    const { change, operations } = read;
    const next =
      operations.length === 0 ? state.membership : changedMembership(state.membership, operations);
    if (typeof next === 'string') {
      this.#refuseChange(entry, new RaftError('RAFT_CONF_CHANGE_REFUSED', next));
      return;
    }
    const confState = applyToCore(change, entry.index);
    if (confState instanceof RaftError) {
      this.#parts.onUnreadable?.(entry, confState);
      this.#refuseChange(entry, confState);
      return;
    }
    if (confState !== undefined) state.confState = confState;
    state.membership = next;
    if (operations.length > 0) onMembership(operations);
    this.#finish(entry, undefined, { kind: 'membership' });
  }

  #refuseChange(entry: Entry, error: RaftError): void {
    const confState = this.#parts.applyToCore(changeWithoutEffect, entry.index);
    // While the membership is joint the core refuses this change as well, and nothing is changed.
    if (confState !== undefined && !(confState instanceof RaftError)) {
      this.#parts.state.confState = confState;
    }
    this.#finish(entry, undefined, { kind: 'refused', error });
  }

  #finish(entry: Entry, envelope: Envelope | undefined, outcome: Outcome): void {
    const { state } = this.#parts;
    state.appliedIndex = entry.index;
    state.appliedTerm = entry.term;
    this.#parts.onOutcome(entry, envelope, outcome);
  }
}

/** Returns the result of `read`, or the reason why it fails, which is the same on each replica. */
export function readable<Read>(read: () => Read): Read | RaftError {
  try {
    return read();
  } catch (error) {
    if (error instanceof RaftError) return error;
    return new RaftError('RAFT_STATE_UNREADABLE', 'an entry cannot be read', error);
  }
}

/** Decodes the membership change in an entry. Throws when it cannot be read. */
export function readChange({ type, index, data = noBytes }: Entry): {
  change: ConfChangeV2;
  operations: readonly MembershipOperation[];
} {
  const change =
    type === EntryType.ConfChange
      ? confChangeAsV2(decodeConfChange(data))
      : decodeConfChangeV2(data);
  const operations = change.context === undefined ? [] : decodeOperations(change.context);
  if (isSameChange(change.changes, coreChanges(operations))) return { change, operations };
  throw new RaftError(
    'RAFT_STATE_UNREADABLE',
    `entry ${index} has a change of the quorum and a change of the membership that differ`,
  );
}

/**
 * If the core's changes and the operations named different members, the core would have a quorum
 * that the membership does not show.
 */
function isSameChange(
  changes: readonly ConfChangeSingle[],
  expected: readonly ConfChangeSingle[],
): boolean {
  return (
    changes.length === expected.length &&
    changes.every(
      ({ type, nodeId }, at) => type === expected[at]?.type && nodeId === expected[at].nodeId,
    )
  );
}

/** Names a call of the state machine in an error. */
function callOf(fresh: readonly Gathered[]): string {
  const indexes = fresh.map(({ entry }) => entry.index);
  return `apply of entries ${indexes[0]} to ${indexes.at(-1)}`;
}
