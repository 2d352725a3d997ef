/**
 * The identity that a node starts with. It is read from the log, or made for a new log, and is
 * durable before the node sends anything: first the record beside the log, then the one beside the
 * snapshots.
 */
import type { OpenedWal } from '@babuza/wal-core';
import type { BabuzaConfig } from '../config.ts';
import type { RaftComponent } from '../ports/component.ts';
import {
  checkMachine,
  checkOwner,
  checkRecord,
  refuseUnknownIdentity,
  type FoundIdentity,
} from './check-start.ts';
import {
  adoptedOriginOf,
  isBefore,
  unknownIdentity,
  type ClusterIdentity,
} from './cluster-identity.ts';
import { provenBirth } from './birth-in-log.ts';
import { markAt } from './entry-marks.ts';
import { randomIdentity } from './hex.ts';
import { IdentityKeeper, mergedIdentity } from './identity-keeper.ts';
import {
  decodeIdentityRecord,
  encodeIdentityRecord,
  type EntryMark,
  type IdentityRecord,
} from './identity-record.ts';
import { SnapshotOwnership, type SnapshotOwner } from './snapshot-owner.ts';
import type { Logger } from '../ports/logger.ts';

export interface StartIdentityOptions {
  readonly config: BabuzaConfig;
  readonly component: RaftComponent;
  readonly opened: OpenedWal;
  readonly logger: Logger | undefined;
  /** The log holds nothing yet. */
  readonly isNew: boolean;
  readonly owner: SnapshotOwner | undefined;
  /** The id of the log that the state machine on disk names as the origin of its state. */
  readonly machineLogId: string | undefined;
  readonly machineAppliedIndex: number;
  readonly newestMarkerIndex: number;
  /** The operator vouches for a log without identity. */
  readonly adopts: boolean;
  readonly clusterToken: string | undefined;
  /** The operator goes on alone with the existing data, and knows that it may be old. */
  readonly isRecovery: boolean;
  /** A recovery drops the end of the log on purpose. */
  readonly discardsTail: boolean;
  /** The identity in the newest snapshot, or the one that the cluster begins with. */
  readonly snapshotIdentity: ClusterIdentity;
}

/** Throws the errors of `check-start.ts` and `RAFT_OTHER_CLUSTER`; nothing is written then. */
export async function startIdentity(
  options: StartIdentityOptions,
): Promise<{ keeper: IdentityKeeper; ownership: SnapshotOwnership }> {
  const { config, component, opened, owner, newestMarkerIndex } = options;
  const { walManager, random, clock } = component;
  const { groupId } = config;
  const bytes = await walManager.readIdentity({ groupId });
  const found = checkRecord(
    opened,
    bytes === undefined ? undefined : decodeIdentityRecord(bytes),
    options.discardsTail,
  );
  const before = found.record ?? madeRecord(options, found);
  checkOwner(owner, before, {
    newestMarkerIndex,
    lastIndex: opened.storage.lastIndex(),
    mayBeOlder: options.isRecovery,
  });
  checkMachine(options.machineLogId, before.logId, options.machineAppliedIndex);
  const record: IdentityRecord = {
    ...before,
    cluster: await knownCluster(options, before),
    startCount: before.startCount + 1,
    committedIndex: Math.min(before.committedIndex, opened.storage.lastIndex()),
    ...(found.log === undefined ? { boundTo: committedMark(opened) ?? before.boundTo } : {}),
  };
  const write = (content: Uint8Array): Promise<void> =>
    walManager.writeIdentity(content, { groupId });
  // This write makes the start durable. A crash just before it leaves the log as it was before this
  // start.
  await write(encodeIdentityRecord(record));
  const ownership = new SnapshotOwnership(component.snapshotManager, {
    logId: record.logId,
    startCount: record.startCount,
    recordedIndex: newestMarkerIndex,
    committedIndex: record.committedIndex,
  });
  await ownership.write();
  const { logger } = options;
  const keeper = new IdentityKeeper({ record, run: random.uint32(), write, clock, logger });
  return { keeper, ownership };
}

/** Makes the record of a log that has none yet. */
function madeRecord(options: StartIdentityOptions, { log }: FoundIdentity): IdentityRecord {
  const { config, component, isNew, adopts, clusterToken, owner, snapshotIdentity } = options;
  const { clusterId, groupId } = config;
  const nothing = { members: new Map(), startCount: 0, committedIndex: 0 };
  // When the log has no id, the record of the snapshots may have it.
  const toldId = log?.logId ?? (adopts ? owner?.logId : undefined);
  const logId = toldId ?? randomIdentity(component.random);
  if (isNew) return { logId, cluster: { ...unknownIdentity, origin: log?.origin }, ...nothing };
  if (!adopts) refuseUnknownIdentity(log !== undefined);
  const toldOrigin = log?.origin ?? snapshotIdentity.origin;
  const origin = toldOrigin ?? adoptedOriginOf(clusterId, groupId, clusterToken);
  return {
    logId,
    cluster: { ...unknownIdentity, origin },
    members: new Map(),
    committedIndex: 0,
    // A count that is higher than any count of the lost record that the others may remember.
    startCount: toldId === undefined ? 0 : Math.floor(component.clock.wallMs() / 1000),
  };
}

/**
 * Binds the record to a log whose metadata has no identity, by a committed entry, which never
 * changes.
 */
function committedMark({ storage }: OpenedWal): EntryMark | undefined {
  const { commit } = storage.initialState().hardState;
  return markAt(storage, Math.min(commit, storage.lastIndex()));
}

async function knownCluster(
  { opened, snapshotIdentity }: StartIdentityOptions,
  { cluster }: IdentityRecord,
): Promise<ClusterIdentity> {
  // The recovery is in the log, and a crash came before it was in the record.
  const isRenewed = isBefore(cluster, snapshotIdentity);
  const known = mergedIdentity(cluster, snapshotIdentity, isRenewed);
  if (known.birth !== undefined) return known;
  return { ...known, birth: await provenBirth(opened.storage) };
}
