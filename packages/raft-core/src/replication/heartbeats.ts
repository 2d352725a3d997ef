/**
 * The heartbeats of a leader.
 *
 * Source: etcd-io/raft `raft.go`, `bcastHeartbeat` and `sendHeartbeat`.
 */

import { MessageType } from '@babuza/raftpb';
import { send } from '../messages/outbox.ts';
import type { RaftState } from '../state/raft-state.ts';

/**
 * Sends a heartbeat to every other member. While reads wait for a quorum, it carries the position
 * of the newest one, and the answers confirm it.
 */
export function broadcastHeartbeat(raft: RaftState): void {
  const context = raft.readOnly.heartbeatContext();
  for (const member of raft.tracker.members) {
    if (member.id === raft.id) continue;
    // A member may have other entries behind the index up to which it is known to match, and must
    // not commit those.
    const commit = Math.min(member.match, raft.log.committed);
    const heartbeat = raft.draft(MessageType.Heartbeat, member.id);
    heartbeat.commit = commit;
    if (context !== undefined) heartbeat.context = context;
    send(raft, heartbeat);
    member.sentCommit = commit;
  }
}
