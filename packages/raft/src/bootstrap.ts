/**
 * How a node begins: as one of the first members of a cluster, as one that joins, or again on what it left. Which of
 * these is decided by the log: where there is one, the node goes on with it, whatever the call says, so that nobody
 * bootstraps over data.
 *
 * A cluster begins with a snapshot at index 1 that holds the first membership and no state. So every member has the
 * same beginning, learners included, and one that joins later gets it like any other snapshot.
 *
 * Decisions: the project's contract, 7, 10 and 21.
 */
import type { SnapshotMetadata } from '@babuza/raftpb';
import type { OpenedWal, TailReport } from '@babuza/wal-core';
import { checkComponent, checkedAppliedIndex, checkPeers, checkStateMachine } from './checks.ts';
import { checkConfig, type BabuzaConfig } from './config.ts';
import { RaftConfigError, RaftError } from './errors.ts';
import { createFirstSnapshot } from './first-snapshot.ts';
import { firstMembership, type MemberRole } from './membership.ts';
import type { OpenedNode } from './node-parts.ts';
import type { RaftComponent } from './ports/component.ts';
import type { Logger } from './ports/logger.ts';
import type { StoredSnapshot } from './ports/snapshot-manager.ts';
import type { StateMachine } from './ports/state-machine.ts';
import { quietLogger } from './quiet-logger.ts';
import { Raft } from './raft.ts';
import { ReplicatedState } from './replicated-state.ts';
import { removeEverybodyElse } from './standalone.ts';
import { hasState, readNodePart, stateReader } from './snapshot-files.ts';

/** The first members of a cluster; every one of them starts with the same list. */
export type PeersConfiguration = readonly {
  readonly id: bigint;
  readonly address: string;
  /** Default: voter. */
  readonly role?: MemberRole;
}[];

export interface BootstrapOptions {
  /**
   * What `Raft.exportSnapshot` gave, from this cluster or another: the new cluster begins with that state and those
   * sessions, and with `peers` as its members. All of them are given the same.
   */
  readonly snapshot?: AsyncIterable<Uint8Array> | undefined;
}

/**
 * Starts a member of a new cluster, or starts it again: then the log is what counts, and `peers` and `options` are not
 * looked at. The node owns the parts of the component and the state machine from now on; `shutdown` closes them.
 *
 * Rejects with `RAFT_CONFIG`, `RAFT_STATE_UNREADABLE`, or what a part says; all of them are closed then.
 */
export function bootstrapRaftCluster<Query, Answer>(
  config: BabuzaConfig,
  peers: PeersConfiguration,
  stateMachine: StateMachine<Query, Answer>,
  component: RaftComponent,
  options: BootstrapOptions = {},
): Promise<Raft<Query, Answer>> {
  const begin = async (): Promise<SnapshotMetadata> => {
    checkPeers(peers, component.transport);
    const membership = firstMembership(peers);
    if (!membership.members.has(config.nodeId)) {
      throw new RaftConfigError(
        `node ${config.nodeId} is not one of the peers; use joinRaftCluster`,
      );
    }
    return createFirstSnapshot(membership, component, options.snapshot);
  };
  return starting(config, stateMachine, component, { begin });
}

/**
 * Starts a node that belongs to a cluster which is running: add it there with `addVotingPeer` or `addLearner`; it
 * gets everything from the leader. On what it left before it goes on.
 */
export function joinRaftCluster<Query, Answer>(
  config: BabuzaConfig,
  stateMachine: StateMachine<Query, Answer>,
  component: RaftComponent,
): Promise<Raft<Query, Answer>> {
  return starting(config, stateMachine, component, { begin: async () => undefined });
}

export interface StandaloneOptions {
  /**
   * Drops what this member does not know to be committed, instead of keeping all of it. What was acknowledged to
   * clients shortly before the loss may be in it. Default false.
   */
  readonly discardTail?: boolean;
}

/**
 * Starts a survivor as the only member of its cluster, when the others are gone for good; see `standalone.ts` for
 * what is kept. It needs an existing log. The others must never come back under the same cluster id.
 *
 * Rejects with `RAFT_CONFIG` where there is no log.
 */
export function recoverAsStandalone<Query, Answer>(
  config: BabuzaConfig,
  stateMachine: StateMachine<Query, Answer>,
  component: RaftComponent,
  options: StandaloneOptions = {},
): Promise<Raft<Query, Answer>> {
  return starting(config, stateMachine, component, { begin: refuseToBegin, standalone: options });
}

async function refuseToBegin(): Promise<never> {
  throw new RaftConfigError('there is no log to recover from');
}

/** What a start does besides opening what there is. */
interface Beginning {
  /** Makes the first snapshot of a log that has nothing. */
  readonly begin: () => Promise<SnapshotMetadata | undefined>;
  readonly standalone?: StandaloneOptions;
}

async function starting<Query, Answer>(
  config: BabuzaConfig,
  stateMachine: StateMachine<Query, Answer>,
  component: RaftComponent,
  beginning: Beginning,
): Promise<Raft<Query, Answer>> {
  let raft: Raft<Query, Answer>;
  try {
    checkConfig(config);
    checkStateMachine(stateMachine);
    checkComponent(component);
    checkSame('clusterId', config.clusterId, component.clusterId);
    checkSame('nodeId', config.nodeId, component.nodeId ?? config.nodeId);
    raft = Raft.make(await openNode(config, stateMachine, component, beginning));
  } catch (error) {
    await closeParts(component, stateMachine);
    throw error;
  }
  await Raft.start(raft, component);
  return raft;
}

function checkSame(field: string, configured: bigint, builtFor: bigint): void {
  if (configured === builtFor) return;
  throw new RaftConfigError(`${field} ${configured} differs from the component's, ${builtFor}`);
}

async function openNode<Query, Answer>(
  config: BabuzaConfig,
  stateMachine: StateMachine<Query, Answer>,
  component: RaftComponent,
  { begin, standalone }: Beginning,
): Promise<OpenedNode<Query, Answer>> {
  const { walManager, snapshotManager } = component;
  const { groupId } = config;
  const logger = quietLogger(component.logger);
  const openedAt =
    stateMachine.kind === 'disk' ? checkedAppliedIndex(await stateMachine.open()) : 0;
  await snapshotManager.open(groupId);
  const exists = await walManager.hasExistingWal({ groupId });
  const usable = exists ? await usableSnapshot(component, groupId, logger) : undefined;
  const opened = await openLog(config, component, exists, usable, standalone);
  // Also where an earlier attempt ended before it wrote the first marker.
  const isNew = opened.storage.lastIndex() === 0 && opened.hardState.term === 0;
  const markers = [...opened.snapshots];
  let snapshot = usable;
  if (isNew) {
    const first = await begin();
    if (first !== undefined) {
      const hardState = { term: first.term, vote: 0n, commit: first.index };
      // Durable after it: the beginning of the log. It is never written a second time.
      await opened.wal.save({ hardState, snapshot: first });
      markers.push(first);
      snapshot = snapshotManager.list().find(({ metadata }) => metadata.index === first.index);
    }
  }
  if (snapshot !== undefined) opened.storage.createSnapshot(snapshot.metadata, snapshot.manifest);
  checkTail(config, opened.tail, logger);
  const state = new ReplicatedState(component.sessionManager);
  // A state ahead of the whole log is none of its states: entries that take those indexes now would be passed over.
  const isBeyond = openedAt > opened.storage.lastIndex();
  const machineAppliedIndex = isBeyond ? 0 : openedAt;
  const isReplaced = await restore(state, stateMachine, component, snapshot, machineAppliedIndex);
  if (isBeyond && !isReplaced) refuseBeyond(openedAt, opened.storage.lastIndex());
  if (standalone !== undefined) await removeEverybodyElse(config, opened, state);
  const { tail } = opened;
  return {
    config,
    component,
    logger,
    opened,
    markers,
    state,
    stateMachine,
    machineAppliedIndex,
    tail,
  };
}

/** The newest snapshot that has a marker in the log and whose files are whole. */
async function usableSnapshot(
  { walManager, snapshotManager }: RaftComponent,
  groupId: bigint,
  logger: Logger | undefined,
): Promise<StoredSnapshot | undefined> {
  const markers = await walManager.findSnapshots({ groupId });
  for (const { index, term } of markers.toReversed()) {
    const stored = snapshotManager
      .list()
      .find(({ metadata }) => metadata.index === index && metadata.term === term);
    if (stored !== undefined && (await snapshotManager.verify(stored.metadata))) return stored;
    logger?.warn('a snapshot is missing or damaged; the one before it is tried', { index, term });
  }
  const newest = markers.at(-1);
  if (newest === undefined) return undefined;
  throw new RaftError(
    'RAFT_STATE_UNREADABLE',
    `the log begins behind a snapshot, the newest at index ${newest.index}, and no snapshot that fits is whole`,
  );
}

function openLog(
  config: BabuzaConfig,
  { walManager }: RaftComponent,
  exists: boolean,
  snapshot: StoredSnapshot | undefined,
  { discardTail = false }: StandaloneOptions = {},
): Promise<OpenedWal> {
  const { groupId, clusterId, nodeId, entryBytesMax } = config;
  if (!exists) return walManager.createWal({ clusterId, nodeId, entryBytesMax }, { groupId });
  return walManager.replayWal({
    groupId,
    expect: { clusterId, nodeId },
    snapshot: snapshot?.metadata,
    discardUncommitted: discardTail,
  });
}

function refuseBeyond(appliedIndex: number, lastIndex: number): never {
  throw new RaftError(
    'RAFT_STATE_UNREADABLE',
    `the state machine has applied ${appliedIndex}, the log ends at ${lastIndex} and has no snapshot of a state to go back to: either the log has lost entries, or the state belongs to another log`,
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
    `the last batch of the log was damaged, entries ${tail.firstIndex ?? '?'} to ${tail.lastIndex ?? '?'}, and it cannot be told whether a crash or rot did it`,
  );
}

/** Whether the state of the machine was replaced by that of the snapshot. */
async function restore<Query, Answer>(
  state: ReplicatedState,
  stateMachine: StateMachine<Query, Answer>,
  { snapshotManager }: RaftComponent,
  snapshot: StoredSnapshot | undefined,
  machineAppliedIndex: number,
): Promise<boolean> {
  if (snapshot === undefined) {
    // The manager may have served another node before.
    state.sessions.restore();
    return false;
  }
  const { metadata } = snapshot;
  await using open = await snapshotManager.read(metadata);
  state.restore(await readNodePart(open), metadata);
  // A state on disk that is as far, or further, is kept.
  if (!hasState(open) || machineAppliedIndex >= metadata.index) return false;
  await stateMachine.restoreSnapshot(stateReader(open), new AbortController().signal);
  return true;
}

/** The error that ended the start is what counts. A component without a transport says so when it is asked for it. */
async function closeParts<Query, Answer>(
  component: RaftComponent,
  stateMachine: StateMachine<Query, Answer>,
): Promise<void> {
  const closing = [
    async () => component.transport.close(),
    async () => component.snapshotManager.close(),
    async () => stateMachine.close(),
    async () => component.walManager.close(),
  ];
  await Promise.allSettled(closing.map((close) => close()));
}
