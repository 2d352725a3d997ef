/**
 * Refuses a state on disk that is ahead of the end of the log. States are applied from durable
 * entries, so either this log did not produce the state, or it has lost its end since. New entries
 * at those indexes would be skipped, and restoring a snapshot could destroy the last copy of
 * acknowledged data. So the start is refused before anything is written.
 */
import type { OpenedWal } from '@babuza/wal-core';
import { RaftError } from '../errors.ts';
import { decodeLogIdentity } from '../identity/log-identity.ts';
import type { OpenedMachine } from './open-state-machine.ts';

/** @throws RaftError (`RAFT_LOG_OLDER`). `checkMachine` handles a state of another log. */
export function checkStateIsNotAhead(
  { appliedIndex, logId }: OpenedMachine,
  { storage, metadata: { identity } }: OpenedWal,
): void {
  const lastIndex = storage.lastIndex();
  if (appliedIndex <= lastIndex) return;
  const ownLogId = identity === undefined ? undefined : decodeLogIdentity(identity).logId;
  if (logId !== undefined && ownLogId !== undefined && logId !== ownLogId) return;
  throw new RaftError(
    'RAFT_LOG_OLDER',
    `the state machine has applied index ${appliedIndex}, and the log ends at index ${lastIndex}: the log is older than the state, or the state belongs to another log; put back the newest log, or the state that belongs to this one; if the log is lost, remove the id of this member from the cluster and add it under a new one with empty directories, or go on from the log with \`recoverAsStandalone\` where no other member is left: the state is taken back to the newest snapshot then`,
  );
}
