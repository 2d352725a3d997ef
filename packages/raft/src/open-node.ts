/**
 * Opens everything that a node stands on: its state machine, snapshots and log, and restores the state that they tell of.
 * Nothing runs yet.
 *
 * Decisions: the project's contract, 7 and 10.
 */
import type { SnapshotMetadata } from '@babuza/raftpb';
import type { OpenedWal, TailReport } from '@babuza/wal-core';
import { checkedAppliedIndex } from './checks.ts';
import type { BabuzaConfig } from './config.ts';
import { RaftError } from './errors.ts';
import type { OpenedNode } from './node-parts.ts';
import type { RaftComponent } from './ports/component.ts';
import type { Logger } from './ports/logger.ts';
import type { StoredSnapshot } from './ports/snapshot-manager.ts';
import type { StateMachine } from './ports/state-machine.ts';
import { quietLogger } from './quiet-logger.ts';
import { ReplicatedState } from './replicated-state.ts';
import { hasState, readNodePart, stateReader } from './snapshot-files.ts';
import { removeEverybodyElse, type StandaloneOptions } from './standalone.ts';

/** What a start does besides opening what there is. */
export interface Beginning {
  /** Makes the first snapshot of a log that has nothing. */
  readonly begin: () => Promise<SnapshotMetadata | undefined>;
  readonly standalone?: StandaloneOptions;
}

export async function openNode<Query, Answer>(
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
  // Each lock may have to wait for an owner that cannot be looked at: they wait at the same time.
  const locking = walManager.takeLock?.();
  locking?.catch(() => undefined);
  await snapshotManager.open(groupId);
  await locking;
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
