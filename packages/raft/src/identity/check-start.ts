/**
 * Checks that the directories of a node belong together: the log, the identity record beside it,
 * the snapshots, and the files of a state machine on disk. A start with a mismatch is refused
 * before anything is written or removed.
 */
import type { OpenedWal } from '@babuza/wal-core';
import { RaftError, type RaftErrorCode } from '../errors.ts';
import { markAt } from './entry-marks.ts';
import type { IdentityHex } from './hex.ts';
import type { IdentityRecord } from './identity-record.ts';
import { decodeLogIdentity, type LogIdentity } from './log-identity.ts';
import type { SnapshotOwner } from './snapshot-owner.ts';

const snapshotsWayOut =
  'mount the volume of the log, or put its directory back; if the log is lost for good, start with `recoverAsStandalone` and `adoptSnapshots: true` to go on from the newest snapshot under a new identity, or with `discardSnapshots: true` to begin without what they hold';

const olderWayOut =
  'put back the newest directory of this member, or remove its id from the cluster and add it under a new one';

/**
 * To be called when there is no log. Throws `RAFT_LOG_LOST` when the snapshots or the state machine
 * show that there was one.
 */
export function checkNothingWithoutLog(
  owner: SnapshotOwner | undefined,
  snapshotIndexes: readonly number[],
  machineAppliedIndex: number,
): void {
  if (owner !== undefined) {
    refuse(
      'RAFT_LOG_LOST',
      `the snapshots here belong to the log ${owner.logId}, on which a node had started ${owner.startCount} times, and there is no log. A log in memory does not survive its process`,
      snapshotsWayOut,
    );
  }
  if (snapshotIndexes.length > 0) {
    refuse(
      'RAFT_LOG_LOST',
      `there are snapshots, at index ${snapshotIndexes.join(', ')}, and there is no log that they belong to`,
      snapshotsWayOut,
    );
  }
  if (machineAppliedIndex > 0) {
    refuse(
      'RAFT_LOG_LOST',
      `the state machine has applied index ${machineAppliedIndex}, and there is no log that it belongs to`,
      'mount the volume of the log, or put its directory back; if the log is lost for good, give the state machine an empty directory',
    );
  }
}

/** The identity in the metadata of a log and in the record beside it. */
export interface FoundIdentity {
  readonly log: LogIdentity | undefined;
  readonly record: IdentityRecord | undefined;
}

/** @throws RaftError (`RAFT_OTHER_LOG`, `RAFT_LOG_OLDER`, `RAFT_STATE_UNREADABLE`) */
export function checkRecord(
  { metadata, storage }: OpenedWal,
  record: IdentityRecord | undefined,
  discardsTail: boolean,
): FoundIdentity {
  const log = metadata.identity === undefined ? undefined : decodeLogIdentity(metadata.identity);
  if (record === undefined) return { log, record };
  if (log !== undefined && log.logId !== record.logId) {
    refuse(
      'RAFT_OTHER_LOG',
      `the identity record beside the log belongs to the log ${record.logId}, and the log here is ${log.logId}`,
      'put back the directory as it was: the log and its record must never be replaced separately',
    );
  }
  if (storage.lastIndex() < record.committedIndex && !discardsTail) {
    refuse(
      'RAFT_LOG_OLDER',
      `the log ends at index ${storage.lastIndex()}, and it was durable and committed up to index ${record.committedIndex}`,
      olderWayOut,
    );
  }
  const { boundTo } = record;
  if (boundTo === undefined) return { log, record };
  if (storage.lastIndex() < boundTo.index) {
    refuse(
      'RAFT_LOG_OLDER',
      `the log ends at index ${storage.lastIndex()}, and its identity record was made when it had index ${boundTo.index}`,
      olderWayOut,
    );
  }
  const mark = markAt(storage, boundTo.index);
  if (mark !== undefined && mark.term === boundTo.term && mark.checksum !== boundTo.checksum) {
    refuse(
      'RAFT_OTHER_LOG',
      `entry ${boundTo.index} of term ${boundTo.term} differs from the entry for which the identity record beside the log was made`,
      'put back the directory as it was: the log and its record must never be replaced separately',
    );
  }
  return { log, record };
}

/** The facts about the log that the record of the snapshot folder is compared with. */
export interface LogForOwner {
  readonly newestMarkerIndex: number;
  readonly lastIndex: number;
  /** A recovery goes on with the existing data, under a new identity. */
  readonly mayBeOlder: boolean;
}

/** @throws RaftError (`RAFT_OTHER_LOG`, `RAFT_LOG_OLDER`) */
export function checkOwner(
  owner: SnapshotOwner | undefined,
  record: IdentityRecord,
  { newestMarkerIndex, lastIndex, mayBeOlder }: LogForOwner,
): void {
  if (owner === undefined) return;
  if (owner.logId !== record.logId) {
    refuse(
      'RAFT_OTHER_LOG',
      `the snapshots here belong to the log ${owner.logId}, and the log here is ${record.logId}`,
      snapshotsWayOut,
    );
  }
  if (mayBeOlder) return;
  const what =
    owner.startCount > record.startCount
      ? `a node had started ${owner.startCount} times on the log of these snapshots, and the log here says ${record.startCount}`
      : owner.recordedIndex > newestMarkerIndex
        ? `the log had a record of the snapshot at index ${owner.recordedIndex}, and its newest snapshot record now is at index ${newestMarkerIndex}`
        : owner.committedIndex > lastIndex
          ? `the log ends at index ${lastIndex}, and it was durable and committed up to index ${owner.committedIndex}`
          : undefined;
  if (what === undefined) return;
  refuse(
    'RAFT_LOG_OLDER',
    `the log is older than the snapshots beside it: ${what}`,
    'put back the newest log; if it is lost, remove the id of this member from the cluster and add it under a new one with empty directories, or go on with `recoverAsStandalone` where no other member is left',
  );
}

/** Compares the log that a state machine on disk names with the existing log. */
export function checkMachine(
  machineLogId: string | undefined,
  logId: IdentityHex,
  machineAppliedIndex: number,
): void {
  if (machineLogId === undefined || machineLogId === logId) return;
  refuse(
    'RAFT_OTHER_LOG',
    `the state machine has applied index ${machineAppliedIndex} of the log ${machineLogId}, and the log here is ${logId}`,
    'give this node the directory of the state machine that belongs to its log, or an empty one: the state is then taken from the newest snapshot and the log',
  );
}

export function refuseUnknownIdentity(hasLogIdentity: boolean): never {
  const what = hasLogIdentity
    ? 'the identity record beside the log is missing'
    : 'the log was written before clusters had identities';
  return refuse(
    'RAFT_IDENTITY_UNKNOWN',
    what,
    'make sure that this log is the newest one of this member and belongs to this cluster; then start each member once with `adoptIdentity: true`',
  );
}

function refuse(code: RaftErrorCode, what: string, toDo: string): never {
  throw new RaftError(code, `${what}; ${toDo}`);
}
