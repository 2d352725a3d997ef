/**
 * Explains the panic of a core that was told a commit index which its log does not reach. A leader
 * tells a follower no commit index above what that follower has acknowledged. So the log has lost
 * entries since: the member came back with an empty directory, an older copy of it, or a disk that
 * forgot what it had synced.
 */
import { MessageType, type Message } from '@babuza/raftpb';
import { RaftError } from './errors.ts';

/**
 * The error that the node stops with, in place of the panic, where a message shows lost entries.
 */
export function explainedPanic(
  panic: unknown,
  { type, from, commit }: Message,
  { nodeId, lastIndex }: { readonly nodeId: bigint; readonly lastIndex: number },
): unknown {
  if (type !== MessageType.Heartbeat || commit <= lastIndex) return panic;
  return new RaftError(
    'RAFT_LOG_LOST_ENTRIES',
    `the log of node ${nodeId} ends at index ${lastIndex}, and this node has acknowledged index ${commit} to leader ${from} before: the node was started with an empty or older directory, or its disk has lost what was synced. It must not go on under this id, because it has forgotten what it acknowledged and voted for: remove this id from the cluster (removePeer) and add a new one with an empty directory (docs/disaster-recovery.md); if the right directory still exists, stop the node and start it there`,
    panic,
  );
}
