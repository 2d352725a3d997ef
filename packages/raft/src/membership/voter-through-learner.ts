/**
 * Adds voters without a risk to the quorum: a new member joins as a learner, and becomes a voter
 * when it has the log and answers. A member that never answers stays a learner, and the voters go
 * on as before.
 *
 * When a call ends before the promotion, for any reason, its learners stay in the membership.
 * `addVotingPeer` resumes with one, also at another leader; `removePeer` removes it.
 */
import type { CoreDriver } from '../driver/core-driver.ts';
import { eachTick, type EachTickParts } from '../support/each-tick.ts';
import { NotLeaderError, RaftError, type LeaderHint } from '../errors.ts';
import {
  asRead,
  ChangeUnderWayError,
  type ChangeOptions,
  type MembershipChanges,
} from './membership-changes.ts';
import type { MembershipOperation } from './membership.ts';
import type { ReplicatedState } from '../apply/replicated-state.ts';

/** How far a member has come that is to become a voter. */
export interface VoterProgress {
  readonly id: bigint;
  /**
   * The learner's log is known to match the leader's up to this index; 0 before its first answer.
   */
  readonly matchIndex: number;
  /** The last index of the leader. */
  readonly lastIndex: number;
}

export interface AddVoterOptions extends ChangeOptions {
  /**
   * Adds a new member as a voter at once, without the check of the quorum. Until the member has
   * caught up, the voters tolerate one failure less. If it is needed for the quorum, nothing is
   * committed before it answers. Default false.
   */
  readonly force?: boolean | undefined;
  /**
   * Called when the learner has come further, at most once a tick. An error that it throws ends the
   * call.
   */
  readonly onProgress?: ((progress: VoterProgress) => void) | undefined;
}

export interface VoterParts extends EachTickParts {
  readonly nodeId: bigint;
  readonly state: ReplicatedState;
  readonly learnerReadyShare: number;
  readonly membershipChanges: MembershipChanges;
  readonly leader: () => LeaderHint | undefined;
  readonly core: Pick<CoreDriver, 'run'>;
}

type NewVoter = MembershipOperation & { readonly op: 'set'; readonly address: string };

/** Adds one voter, or resumes with a learner. Resolves when it is a voter. */
export async function addVoter(
  parts: VoterParts,
  { id, address }: { readonly id: bigint; readonly address: string },
  options: AddVoterOptions,
): Promise<void> {
  const isVoter = parts.state.membership.members.get(id)?.role === 'voter';
  const operation: NewVoter = { op: 'set', id, role: 'voter', address };
  const awaited = options.force === true || isVoter ? [] : [operation];
  await change(parts, [operation], awaited, options);
}

/**
 * Makes several changes at once. New voters first join as learners, and the changes wait until
 * those have caught up.
 */
export async function changeWithNewVoters(
  parts: VoterParts,
  given: readonly MembershipOperation[],
  options: AddVoterOptions,
): Promise<void> {
  const { state, membershipChanges } = parts;
  const operations = asRead(given);
  const { members } = state.membership;
  const taken = new Set([...members.values()].map(({ address }) => address));
  // A member that takes over the address of another one cannot join as a learner first, because two
  // members never have the same address.
  const newVoters = operations.filter(
    (operation): operation is NewVoter =>
      operation.op === 'set' &&
      operation.role === 'voter' &&
      operation.address !== undefined &&
      !members.has(operation.id) &&
      !taken.has(operation.address),
  );
  const awaited = options.force === true ? [] : newVoters;
  // Check first, so that no learner is added for a change that would be refused in the end.
  if (awaited.length > 0) membershipChanges.check(operations, options);
  await change(parts, operations, awaited, options);
}

async function change(
  parts: VoterParts,
  operations: readonly MembershipOperation[],
  awaited: readonly NewVoter[],
  options: AddVoterOptions,
): Promise<void> {
  const { membershipChanges, state } = parts;
  for (const { id, address } of awaited) {
    if (state.membership.members.get(id)?.address === address) continue;
    await membershipChanges.change([{ op: 'set', id, role: 'learner', address }], options);
  }
  for (;;) {
    for (const { id } of awaited) await caughtUp(parts, id, options);
    try {
      await membershipChanges.change(operations, options);
      return;
    } catch (error) {
      const isEarly = error instanceof RaftError && error.code === 'RAFT_LEARNER_NOT_READY';
      // The learner may have needed hours to catch up, so the change is tried again instead of
      // failing.
      const isRepeated = awaited.length > 0 && (isEarly || error instanceof ChangeUnderWayError);
      if (!isRepeated) throw error;
    }
  }
}

/** Resolves when the learner has the log and answers, or another call has promoted it. */
function caughtUp(
  parts: VoterParts,
  id: bigint,
  { signal, onProgress }: AddVoterOptions,
): Promise<true> {
  const { nodeId, state, leader, core, learnerReadyShare } = parts;
  let told = -1;
  return eachTick(parts, signal, () => {
    const hint = leader();
    if (hint?.id !== nodeId) throw new NotLeaderError(hint);
    const member = state.membership.members.get(id);
    if (member === undefined) {
      throw new RaftError(
        'RAFT_CONF_CHANGE_REFUSED',
        `learner ${id} was removed while it caught up; it did not become a voter`,
      );
    }
    if (member.role === 'voter') return true;
    const { progress } = core.run((node) => node.status());
    const { match: matchIndex = 0, recentActive: answers = false } = progress.get(id) ?? {};
    const lastIndex = progress.get(nodeId)?.match ?? 0;
    if (matchIndex !== told) onProgress?.({ id, matchIndex, lastIndex });
    told = matchIndex;
    const isReady = answers && matchIndex > 0 && matchIndex >= lastIndex * learnerReadyShare;
    return isReady ? true : undefined;
  });
}
