/**
 * The recovery of a single survivor, when the quorum is lost for good. It goes on alone with
 * everything it has. Its commit index may lag behind what clients were told, so its whole log is
 * kept and counts as committed. The recovery appends the removals of all other members, as ordinary
 * changes of the membership, and a new identity that remembers the one before. All of it is one
 * durable save: before it the log is as it was, after it the survivor is the cluster.
 *
 * A term that is higher than elections can have led to is recovered in another way; see
 * `restarted-terms.ts`.
 *
 * Entries that only the lost members had are lost. If one of those comes back, both sides refuse
 * each other.
 *
 * Decision: docs/decisions/0029-a-survivor-keeps-its-tail.md.
 */
import {
  ConfChangeTransition,
  encodeConfChangeV2,
  entersJoint,
  EntryType,
  leaveJointChange,
  leavesJoint,
  type ConfChangeV2,
  type Entry,
} from '@babuza/raftpb';
import type { OpenedWal } from '@babuza/wal-core';
import { readable, readChange } from '../apply/committed-entries.ts';
import type { BabuzaConfig } from '../config.ts';
import { changedMembership, coreChanges, type Membership } from '../membership/membership.ts';
import { encodeOperations } from '../membership/membership-codec.ts';
import { encodeEnvelope, EnvelopeKind } from '../proposals/envelope.ts';
import { RaftError } from '../errors.ts';
import { renewedIdentity } from '../identity/cluster-identity.ts';
import { randomIdentity } from '../identity/hex.ts';
import { encodeIdentityEntry } from '../identity/identity-entries.ts';
import type { IdentityKeeper } from '../identity/identity-keeper.ts';
import { operationsToBeAlone } from './operations-to-be-alone.ts';
import type { RaftComponent } from '../ports/component.ts';
import type { ReplicatedState } from '../apply/replicated-state.ts';

/** The membership at the end of the log, and whether it is joint there. */
interface EndOfLog {
  readonly membership: Membership;
  readonly isJoint: boolean;
}

const pageBytes = 1024 * 1024;

export interface StandaloneOptions {
  /**
   * Drops the entries that this member does not know to be committed, instead of keeping them.
   * Entries that were acknowledged to clients shortly before the loss may be among them. Default
   * false.
   */
  readonly discardTail?: boolean;
  /**
   * Goes on from the newest undamaged snapshot when the log is lost. Entries behind that snapshot
   * are lost with the log, even if they were acknowledged. Has no effect when there is a log.
   * Default false.
   */
  readonly adoptSnapshots?: boolean;
}

/**
 * Makes this node the only member, durably. `state` is that of the snapshot that the log was opened
 * with.
 */
export async function removeAllOtherMembers(
  config: BabuzaConfig,
  { random, clock }: Pick<RaftComponent, 'random' | 'clock'>,
  { wal, storage }: OpenedWal,
  state: ReplicatedState,
  keeper: IdentityKeeper,
): Promise<void> {
  const { hardState } = storage.initialState();
  const end = await endOfLog(storage, state);
  const term = Math.max(hardState.term, storage.term(storage.lastIndex())) + 1;
  const firstIndex = storage.lastIndex() + 1;
  const changes = changesToBeAlone(config, end);
  const entries = changes.map((change, at): Entry => {
    const data = encodeConfChangeV2(change);
    const entry = { index: firstIndex + at, term, type: EntryType.ConfChangeV2 };
    return data.length === 0 ? entry : { ...entry, data };
  });
  const renewed = renewedIdentity(keeper.cluster, randomIdentity(random));
  entries.push({
    index: firstIndex + entries.length,
    term,
    type: EntryType.Normal,
    data: encodeEnvelope({
      kind: EnvelopeKind.Identity,
      proposedAtMs: Math.max(0, Math.floor(clock.wallMs())),
      payload: encodeIdentityEntry({
        renewed,
        logIds: new Map([[config.nodeId, keeper.logId]]),
      }),
    }),
  });
  const commit = storage.lastIndex() + entries.length;
  // This save makes everything durable at once: the commit of the tail, the removals and the new
  // identity. A crash just before it leaves the log as it was.
  await wal.save({ hardState: { term, vote: config.nodeId, commit }, entries });
  keeper.learned(renewed, true);
}

function changesToBeAlone(config: BabuzaConfig, { membership, isJoint }: EndOfLog): ConfChangeV2[] {
  const operations = operationsToBeAlone(config, membership);
  const next = changedMembership(membership, operations);
  if (typeof next === 'string') throw new RaftError('RAFT_CONF_CHANGE_REFUSED', next);
  const changes = operations.map((operation): ConfChangeV2 => ({
    transition: ConfChangeTransition.Auto,
    changes: coreChanges([operation]),
    context: encodeOperations([operation]),
  }));
  return isJoint ? [leaveJointChange, ...changes] : changes;
}

async function endOfLog(
  storage: OpenedWal['storage'],
  { membership: first, confState, appliedIndex }: ReplicatedState,
): Promise<EndOfLog> {
  let membership = first;
  let isJoint = (confState?.votersOutgoing.length ?? 0) > 0;
  const from = appliedIndex + 1;
  if (from > storage.lastIndex()) return { membership, isJoint };
  for await (const entry of storage.iterate(from, storage.lastIndex() + 1, { pageBytes })) {
    if (entry.type === EntryType.Normal) continue;
    const read = readable(() => readChange(entry));
    // A change that no replica can read has no effect.
    if (read instanceof RaftError) continue;
    const { change, operations } = read;
    // The core refuses a change within joint consensus, and leaving joint consensus outside of it.
    if (isJoint !== leavesJoint(change)) continue;
    const next = changedMembership(membership, operations);
    // A change that every replica refuses has no effect.
    if (typeof next === 'string') continue;
    if (operations.length > 0) membership = next;
    if (leavesJoint(change)) isJoint = false;
    else if (entersJoint(change) !== undefined) isJoint = true;
  }
  return { membership, isJoint };
}
