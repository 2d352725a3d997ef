/** Which panic of the core shows that the log has lost entries, and which does not. */
import { MessageType, newMessage } from '@babuza/raftpb';
import { expect, it } from 'vitest';
import { explainedPanic } from '../src/lost-entries.ts';

const panic = new Error('tocommit is out of range');
const log = { nodeId: 2n, lastIndex: 10 };

it.each([
  [9, false],
  [10, false],
  [11, true],
])('a heartbeat with commit index %i, where the log ends at 10', (commit, isLost) => {
  const message = newMessage({ type: MessageType.Heartbeat, from: 1n, commit });
  const explained = explainedPanic(panic, message, log);
  if (!isLost) expect(explained).toBe(panic);
  else {
    expect(explained).toMatchObject({ code: 'RAFT_LOG_LOST_ENTRIES', cause: panic });
    expect(String(explained)).toMatch(/node 2 ends at index 10.*index 11 to leader 1/);
  }
});

it.each([MessageType.App, MessageType.Snap, MessageType.Vote, MessageType.AppResp])(
  'a message of type %i says nothing about the log',
  (type) => {
    expect(explainedPanic(panic, newMessage({ type, from: 1n, commit: 99 }), log)).toBe(panic);
  },
);
