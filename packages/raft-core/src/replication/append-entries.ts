/**
 * How a leader appends entries to its own log, within the limit on uncommitted payload bytes.
 *
 * Source: etcd-io/raft `raft.go`, `appendEntry`, `increaseUncommittedSize` and
 * `reduceUncommittedSize`.
 */

import { MessageType, type Entry } from '@babuza/raftpb';
import { hex } from '../describe/names.ts';
import { payloadsBytes } from '../log/entry-size.ts';
import { send } from '../messages/outbox.ts';
import type { RaftState } from '../state/raft-state.ts';
import { traceReplicate } from '../trace/trace.ts';

/**
 * Appends entries with the term of this leader and the next indexes. Returns false when they would
 * exceed the limit on uncommitted payload bytes. The leader's acknowledgment to itself counts once
 * the entries are durable.
 */
export function appendEntries(raft: RaftState, proposed: readonly Entry[]): boolean {
  const firstIndex = raft.log.lastIndex() + 1;
  if (!increaseUncommittedBytes(raft, payloadsBytes(proposed))) {
    raft.config.logger?.log(
      'warn',
      () =>
        `${hex(raft.id)} appending new entries to log would exceed uncommitted entry size limit; ` +
        'dropping proposal',
    );
    return false;
  }
  const { term } = raft;
  const entries = proposed.map(({ type, data }, at): Entry => {
    const index = firstIndex + at;
    return data === undefined ? { index, term, type } : { index, term, type, data };
  });
  traceReplicate(raft, entries);
  const acknowledgment = raft.draft(MessageType.AppResp, raft.id);
  acknowledgment.index = raft.log.append(entries);
  send(raft, acknowledgment);
  return true;
}

/**
 * Subtracts entries that were applied. Entries from before this leadership were never added, so the
 * sum may become too small, but it is never below 0.
 */
export function reduceUncommittedBytes(raft: RaftState, entries: readonly Entry[]): void {
  raft.uncommittedBytes = Math.max(0, raft.uncommittedBytes - payloadsBytes(entries));
}

/**
 * Returns false when the limit is reached. With nothing uncommitted, one proposal of any size is
 * accepted; entries without payload always are.
 */
function increaseUncommittedBytes(raft: RaftState, bytes: number): boolean {
  const sum = raft.uncommittedBytes + bytes;
  if (raft.uncommittedBytes > 0 && bytes > 0 && sum > raft.config.maxUncommittedEntriesSize) {
    return false;
  }
  raft.uncommittedBytes = sum;
  return true;
}
