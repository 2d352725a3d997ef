/**
 * The recovery of a survivor whose term is so high that no election can follow, or that no honest
 * election can have led to it. A term never goes back within one history, so the recovery begins a
 * new one: it applies the whole log, and the resulting state becomes the first snapshot of the same
 * log, at the next index and in term 1. The snapshot has the survivor as the only member, and a new
 * identity.
 *
 * The steps, and what a crash between them leaves:
 *
 * 1. The files of the snapshot are durable. A crash leaves them without a snapshot record, and
 *    every start ignores them. The next recovery uses them again, with the identity that they have.
 * 2. The record and the hard state of term 1 replace the log, in one durable save.
 *
 * Decision: docs/decisions/0017-plausible-messages.md.
 */
import type { SnapshotMetadata } from '@babuza/raftpb';
import type { OpenedWal } from '@babuza/wal-core';
import type { BabuzaConfig } from '../config.ts';
import { CommittedEntries } from '../apply/committed-entries.ts';
import { RaftError } from '../errors.ts';
import { renewedIdentity } from '../identity/cluster-identity.ts';
import { randomIdentity } from '../identity/hex.ts';
import { boundMembership } from '../identity/identity-entries.ts';
import type { IdentityKeeper } from '../identity/identity-keeper.ts';
import { changedMembership, confStateOf, type Membership } from '../membership/membership.ts';
import { operationsToBeAlone } from './operations-to-be-alone.ts';
import type { RaftComponent } from '../ports/component.ts';
import type { SnapshotWriter, StateMachine } from '../ports/state-machine.ts';
import type { ReplicatedState } from '../apply/replicated-state.ts';
import { readNodePart, writeSnapshotFiles } from '../snapshots/snapshot-files.ts';
import { termAllowance } from '../incoming/term-limits.ts';

export interface RestartedTermsParts<Query, Answer> {
  readonly config: BabuzaConfig;
  readonly component: RaftComponent;
  readonly opened: OpenedWal;
  readonly state: ReplicatedState;
  readonly stateMachine: StateMachine<Query, Answer>;
  readonly machineAppliedIndex: number;
  readonly keeper: IdentityKeeper;
}

/** The term of the snapshot that a new history begins with. */
export const firstTerm = 1;
const pageBytes = 1024 * 1024;

/** Whether the elections of an honest cluster cannot reach this term. */
export function mustRestart(term: number): boolean {
  return term > termAllowance;
}

/** Whether a recovery must begin a new history in term 1. */
export function mustRestartTerms({ storage }: OpenedWal): boolean {
  const { term } = storage.initialState().hardState;
  return mustRestart(Math.max(term, storage.term(storage.lastIndex())));
}

/** Makes this node the only member, durably. Returns the snapshot that its log begins with. */
export async function recoverInFirstTerm<Query, Answer>(
  parts: RestartedTermsParts<Query, Answer>,
): Promise<SnapshotMetadata> {
  const { config, component, opened, state, keeper } = parts;
  const { snapshotManager } = component;
  const { wal, storage } = opened;
  await applyAll(parts);
  const renewed = renewedIdentity(keeper.cluster, randomIdentity(component.random));
  const alone = changedMembership(state.membership, operationsToBeAlone(config, state.membership));
  if (typeof alone === 'string') throw new RaftError('RAFT_CONF_CHANGE_REFUSED', alone);
  const logIds = new Map([[config.nodeId, keeper.logId]]);
  const membership: Membership = boundMembership(alone, { renewed, logIds });
  state.membership = membership;
  state.identity = renewed;
  const index = storage.lastIndex() + 1;
  const metadata = { index, term: firstTerm, confState: confStateOf(membership) };
  const save = await saverOf(parts.stateMachine);
  const { manifest } = await snapshotManager.create(metadata, (files) =>
    writeSnapshotFiles(files, state.encode(), save),
  );
  // An earlier recovery may have ended here. Then `create` has kept its files, and they are used.
  await using open = await snapshotManager.read(metadata);
  state.restore(await readNodePart(open), metadata);
  const hardState = { term: firstTerm, vote: config.nodeId, commit: index };
  // This save makes the new history durable. A crash just before it leaves the log as it was.
  await wal.save({ hardState, snapshot: metadata, restartsTerms: true });
  storage.applySnapshot({ metadata, data: manifest });
  keeper.learned(state.identity, true);
  return metadata;
}

/**
 * Applies all entries behind the snapshot that the log was opened with; all of them count as
 * committed.
 */
async function applyAll<Query, Answer>({
  opened: { storage },
  state,
  stateMachine,
  machineAppliedIndex,
}: RestartedTermsParts<Query, Answer>): Promise<void> {
  const entries = new CommittedEntries({
    state,
    stateMachine,
    machineAppliedIndex,
    syncCommit: async () => undefined,
    // The core does not count votes by this membership any more.
    applyToCore: () => undefined,
    onOutcome: () => undefined,
    onMembership: () => undefined,
    onIdentity: () => undefined,
  });
  const from = state.appliedIndex + 1;
  const end = storage.lastIndex() + 1;
  if (from >= end) return;
  for await (const entry of storage.iterate(from, end, { pageBytes })) await entries.apply([entry]);
}

async function saverOf<Query, Answer>(
  stateMachine: StateMachine<Query, Answer>,
): Promise<(writer: SnapshotWriter) => Promise<void>> {
  const { signal } = new AbortController();
  if (stateMachine.kind === 'memory') return (writer) => stateMachine.saveSnapshot(writer, signal);
  const prepared: unknown = await stateMachine.prepareSnapshot();
  return (writer) => stateMachine.saveSnapshot(prepared, writer, signal);
}
