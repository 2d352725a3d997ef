/**
 * Opens the state machine, the snapshots and the log of a node, and restores the state from them.
 * Nothing runs yet.
 *
 * Decisions: docs/decisions/0024-snapshots-before-their-records.md.
 */
import type { SnapshotMetadata } from '@babuza/raftpb';
import type { OpenedWal, TailReport } from '@babuza/wal-core';
import type { BabuzaConfig } from '../config.ts';
import { RaftError } from '../errors.ts';
import { checkNothingWithoutLog } from '../identity/check-start.ts';
import type { ClusterIdentity } from '../identity/cluster-identity.ts';
import { randomIdentity } from '../identity/hex.ts';
import { encodeLogIdentity } from '../identity/log-identity.ts';
import {
  decodeSnapshotOwner,
  SnapshotOwnership,
  type SnapshotOwner,
} from '../identity/snapshot-owner.ts';
import { startIdentity } from '../identity/start-identity.ts';
import { bindMachine, openMachine } from './open-state-machine.ts';
import type { OpenedNode } from './node-parts.ts';
import type { RaftComponent } from '../ports/component.ts';
import type { Logger } from '../ports/logger.ts';
import type { SnapshotManager, StoredSnapshot } from '../ports/snapshot-manager.ts';
import type { StateMachine } from '../ports/state-machine.ts';
import { quietLogger } from '../support/quiet-logger.ts';
import type { SnapshotPlace } from '../snapshots/recorded-snapshots.ts';
import { ReplicatedState } from '../apply/replicated-state.ts';
import { hasState, readNodePart, stateReader } from '../snapshots/snapshot-files.ts';
import { mustRestartTerms, recoverInFirstTerm } from './restarted-terms.ts';
import { checkStateIsNotAhead } from './state-ahead.ts';
import { checkEntryBytesMax, tellLog, tellOtherPeers } from './start-checks.ts';
import { removeAllOtherMembers, type StandaloneOptions } from './standalone.ts';

/** The intended kind of start; see `StartOptions.bootstrap`. */
export type BootstrapMode = 'new' | 'join' | 'existing';

/** The snapshot and the identity that a cluster begins with when there is no log. */
export interface FirstState {
  readonly metadata: SnapshotMetadata;
  readonly identity: ClusterIdentity;
}

/** The kind of a start and its options, besides the existing data. */
export interface Beginning {
  readonly mode: BootstrapMode;
  /** Makes the first snapshot of an empty log. */
  readonly begin: () => Promise<FirstState | undefined>;
  readonly standalone?: StandaloneOptions | undefined;
  readonly adoptIdentity?: boolean | undefined;
  readonly discardSnapshots?: boolean | undefined;
  readonly clusterToken?: string | undefined;
  /** The first members that the start was given, if any; an existing log does not use them. */
  readonly peers?: { readonly given: unknown };
}

export async function openNode<Query, Answer>(
  config: BabuzaConfig,
  stateMachine: StateMachine<Query, Answer>,
  component: RaftComponent,
  beginning: Beginning,
): Promise<OpenedNode<Query, Answer>> {
  const { walManager, snapshotManager } = component;
  const { groupId } = config;
  const { standalone } = beginning;
  const logger = quietLogger(component.logger);
  const machine = await openMachine(stateMachine);
  // Each lock may have to wait for an owner whose process cannot be checked, so both wait at the
  // same time.
  const locking = walManager.takeLock?.();
  locking?.catch(() => undefined);
  await snapshotManager.open(groupId);
  await locking;
  const exists = await walManager.hasExistingWal({ groupId });
  if (!exists) await prepareForNewLog(component, beginning, machine.appliedIndex);
  const owner = exists ? await ownerOf(snapshotManager) : undefined;
  const usable = exists ? await usableSnapshot(component, groupId, logger) : undefined;
  const { opened, first } = await openLog(config, component, { exists, usable, beginning });
  checkEntryBytesMax(config, opened.metadata);
  // A recovery goes on with this log, whatever the state machine has applied.
  if (standalone === undefined) checkStateIsNotAhead(machine, opened);
  const markers = [...opened.snapshots];
  const isNew = isEmpty(opened);
  const snapshot = first === undefined ? usable : storedSnapshot(snapshotManager, first.metadata);
  const state = new ReplicatedState(component.sessionManager);
  await restoreNodePart(state, component, snapshot);
  const { keeper, ownership } = await startIdentity({
    config,
    component,
    opened,
    logger,
    isNew,
    owner,
    machineLogId: machine.logId,
    machineAppliedIndex: machine.appliedIndex,
    newestMarkerIndex: markers.at(-1)?.index ?? 0,
    adopts: beginning.adoptIdentity ?? false,
    clusterToken: beginning.clusterToken,
    isRecovery: standalone !== undefined,
    discardsTail: standalone?.discardTail ?? false,
    snapshotIdentity: state.identity,
  });
  if (first !== undefined) {
    const { index, term } = first.metadata;
    // This save makes the beginning of the log durable, and is never repeated. The identity record
    // is durable before it, so a log that holds anything and has no record has lost it.
    const hardState = { term, vote: 0n, commit: index };
    await opened.wal.save({ hardState, snapshot: first.metadata });
    markers.push(first.metadata);
  }
  if (snapshot !== undefined) opened.storage.createSnapshot(snapshot.metadata, snapshot.manifest);
  checkTail(config, opened.tail, logger);
  const machineAppliedIndex = await restoreMachine(stateMachine, component, {
    opened,
    snapshot,
    appliedIndex: machine.appliedIndex,
  });
  await bindMachine(stateMachine, machine, keeper.logId);
  tellLog(config, opened, logger);
  const { peers } = beginning;
  if (peers !== undefined && !isNew) tellOtherPeers(peers.given, state.firstMembers, logger);
  if (standalone !== undefined && mustRestartTerms(opened)) {
    const parts = { config, component, opened, state, stateMachine, machineAppliedIndex, keeper };
    markers.push(await recoverInFirstTerm(parts));
  } else if (standalone !== undefined) {
    await removeAllOtherMembers(config, component, opened, state, keeper);
  }
  const { tail } = opened;
  return {
    config,
    component,
    logger,
    opened,
    markers,
    state,
    keeper,
    ownership,
    stateMachine,
    machineAppliedIndex,
    tail,
  };
}

function storedSnapshot(
  manager: SnapshotManager,
  { index, term }: SnapshotPlace,
): StoredSnapshot | undefined {
  return manager.list().find(({ metadata }) => metadata.index === index && metadata.term === term);
}

/** Also true when an earlier start ended before it wrote the first snapshot record. */
function isEmpty({ storage, hardState }: OpenedWal): boolean {
  return storage.lastIndex() === 0 && hardState.term === 0;
}

/**
 * Refuses to create a log beside data of another log, or removes that data if the operator asked
 * for it.
 */
async function prepareForNewLog(
  { snapshotManager }: RaftComponent,
  { mode, standalone, discardSnapshots }: Beginning,
  machineAppliedIndex: number,
): Promise<void> {
  if (mode === 'existing' && standalone?.adoptSnapshots !== true) {
    throw new RaftError(
      'RAFT_NO_LOG',
      "there is no log here, and the start asked for an existing one: check the directory and that its volume is mounted; begin a cluster with bootstrap: 'new', or wait to be added to one with 'join'",
    );
  }
  if (discardSnapshots === true) {
    // Check first: a start that is refused because of the state machine must not have removed
    // anything.
    checkNothingWithoutLog(undefined, [], machineAppliedIndex);
    await snapshotManager.removeAll();
  }
  if (standalone?.adoptSnapshots === true) return;
  const indexes = snapshotManager.list().map(({ metadata }) => metadata.index);
  // A first start that did not end may have left its snapshot; `begin` compares it.
  const perhapsOwn = mode === 'new' && indexes.length === 1 ? [] : indexes;
  checkNothingWithoutLog(await ownerOf(snapshotManager), perhapsOwn, machineAppliedIndex);
}

async function ownerOf(manager: SnapshotManager): Promise<SnapshotOwner | undefined> {
  const bytes = await manager.readIdentity();
  return bytes === undefined ? undefined : decodeSnapshotOwner(bytes);
}

/** The newest undamaged snapshot that has a record in the log. */
async function usableSnapshot(
  { walManager, snapshotManager }: RaftComponent,
  groupId: bigint,
  logger: Logger | undefined,
): Promise<StoredSnapshot | undefined> {
  const markers = await walManager.findSnapshots({ groupId });
  for (const { index, term } of markers.toReversed()) {
    const stored = storedSnapshot(snapshotManager, { index, term });
    if (stored !== undefined && (await snapshotManager.verify(stored.metadata))) return stored;
    logger?.warn('a snapshot is missing or damaged; the start tries the one before it', {
      index,
      term,
    });
  }
  const newest = markers.at(-1);
  if (newest === undefined) return undefined;
  throw new RaftError(
    'RAFT_STATE_UNREADABLE',
    `the log begins behind a snapshot, the newest at index ${newest.index}, and no undamaged snapshot belongs to it: put back the snapshots of this log, or replace this member by one with a new id and empty directories`,
  );
}

/** Opens the log, or creates one whose metadata has the identity that it begins with. */
async function openLog(
  config: BabuzaConfig,
  component: RaftComponent,
  {
    exists,
    usable,
    beginning,
  }: { exists: boolean; usable: StoredSnapshot | undefined; beginning: Beginning },
): Promise<{ opened: OpenedWal; first: FirstState | undefined }> {
  const { walManager, random } = component;
  const { groupId, clusterId, nodeId, entryBytesMax } = config;
  if (exists) {
    const opened = await walManager.replayWal({
      groupId,
      expect: { clusterId, nodeId },
      snapshot: usable?.metadata,
      discardUncommitted: beginning.standalone?.discardTail ?? false,
    });
    return { opened, first: isEmpty(opened) ? await interrupted(beginning) : undefined };
  }
  const first = await beginning.begin();
  const logId = randomIdentity(random);
  if (beginning.standalone?.adoptSnapshots === true) {
    // Durable before the new log: the snapshots belong to it. After a crash between the two, the
    // next start reports the log as lost, as before.
    const owner = { logId, startCount: 0, recordedIndex: 0, committedIndex: 0 };
    await new SnapshotOwnership(component.snapshotManager, owner).write();
  }
  const identity = encodeLogIdentity({ logId, origin: first?.identity.origin });
  const metadata = { clusterId, nodeId, entryBytesMax, identity };
  return { opened: await walManager.createWal(metadata, { groupId }), first };
}

/** The beginning of an empty log, whose first start was interrupted, or which waits to join. */
async function interrupted({
  mode,
  standalone,
  begin,
}: Beginning): Promise<FirstState | undefined> {
  if (standalone === undefined) return mode === 'new' ? begin() : undefined;
  if (standalone.adoptSnapshots === true) return begin();
  throw new RaftError(
    'RAFT_NO_LOG',
    'the log here holds nothing: this member has never been part of a cluster, or its first start was interrupted; start it with bootstrapRaftCluster or joinRaftCluster, or recover from another member',
  );
}

function refuseBeyond(appliedIndex: number, lastIndex: number): never {
  throw new RaftError(
    'RAFT_STATE_UNREADABLE',
    `the state machine has applied ${appliedIndex}, the log ends at ${lastIndex} and has no snapshot of a state to go back to: either the log has lost entries, or the state belongs to another log; give the state machine an empty directory to go on with what the log has`,
  );
}

function checkTail(
  { refuseUncertainTail }: BabuzaConfig,
  tail: TailReport,
  logger: Logger | undefined,
): void {
  if (tail.verdict !== 'uncertain') return;
  logger?.warn('the last batch of the log was damaged and was cut', { tail });
  if (!refuseUncertainTail) return;
  throw new RaftError(
    'RAFT_STATE_UNREADABLE',
    `the last batch of the log was damaged, entries ${tail.firstIndex ?? '?'} to ${tail.lastIndex ?? '?'}, and recovery cannot tell whether a crash or a damaged disk caused it: check the disk, then start without refuseUncertainTail, or replace this member`,
  );
}

/** Restores the node's own part from the snapshot that the log was opened with. */
async function restoreNodePart(
  state: ReplicatedState,
  { snapshotManager }: RaftComponent,
  snapshot: StoredSnapshot | undefined,
): Promise<void> {
  if (snapshot === undefined) {
    // The manager may have served another node before.
    state.sessions.restore();
    return;
  }
  await using open = await snapshotManager.read(snapshot.metadata);
  state.restore(await readNodePart(open), snapshot.metadata);
}

/**
 * Restores the snapshot if the state machine is behind it; returns the index that the state machine
 * has.
 */
async function restoreMachine<Query, Answer>(
  stateMachine: StateMachine<Query, Answer>,
  { snapshotManager }: RaftComponent,
  {
    opened,
    snapshot,
    appliedIndex,
  }: { opened: OpenedWal; snapshot: StoredSnapshot | undefined; appliedIndex: number },
): Promise<number> {
  const lastIndex = opened.storage.lastIndex();
  // Only a recovery goes on with such a state; see `checkStateIsNotAhead`.
  const isBeyond = appliedIndex > lastIndex;
  const machineAppliedIndex = isBeyond ? 0 : appliedIndex;
  let isReplaced = false;
  // A state on disk that has the same or a higher index is kept.
  if (snapshot !== undefined && machineAppliedIndex < snapshot.metadata.index) {
    await using open = await snapshotManager.read(snapshot.metadata);
    isReplaced = hasState(open);
    if (isReplaced) {
      await stateMachine.restoreSnapshot(stateReader(open), new AbortController().signal);
    }
  }
  if (isBeyond && !isReplaced) refuseBeyond(appliedIndex, lastIndex);
  return machineAppliedIndex;
}
