/** What other nodes send leaves bounded memory behind, around each bound. */
import { EntryType, MessageType } from '@babuza/raftpb';
import { expect, it } from 'vitest';
import type { ImpossibleClaim } from '../src/index.ts';
import { bytesOf, leaderOf, storageOf, taken, TestNode } from './support.ts';

/** As in `reads.ts`. */
const waitingReadsMax = 1024;
/** As in `impossible-claims.ts`. */
const reportedMax = 256;

function ask(leader: TestNode, from: bigint, times: number): void {
  const data = bytesOf('a read');
  const entries = [{ index: 0, term: 0, type: EntryType.Normal, data }];
  for (let at = 0; at < times; at += 1) leader.step({ type: MessageType.ReadIndex, from, entries });
}

const bounds = [
  [waitingReadsMax - 1, waitingReadsMax - 1],
  [waitingReadsMax, waitingReadsMax],
  [waitingReadsMax + 1, waitingReadsMax],
  [3 * waitingReadsMax, waitingReadsMax],
] as const;

it.each(bounds)('of %i reads of one member %i wait for the first commit', (times, kept) => {
  const leader = leaderOf(storageOf());
  ask(leader, 2n, times);
  ask(leader, 3n, 10);
  leader.raw.readIndex(bytesOf('own'));
  expect(leader.raft.pendingReads).toHaveLength(kept + 11);
});

it.each(bounds)('of %i reads of one member %i wait for a quorum', (times, kept) => {
  const leader = leaderOf(storageOf());
  leader.settle();
  leader.step({ type: MessageType.AppResp, from: 2n, term: leader.term, index: 1 });
  leader.settle();
  taken(leader);
  ask(leader, 2n, times);
  ask(leader, 3n, 10);
  leader.raw.readIndex(bytesOf('own'));
  expect(leader.raft.readOnly.length).toBe(kept + 11);
  // A read that was dropped asks nobody for a confirmation.
  const beats = taken(leader, MessageType.Heartbeat);
  expect(beats).toHaveLength(2 * (kept + 11));
  const context = beats.at(-1)?.context;
  if (context === undefined) throw new Error('no context');
  leader.step({ type: MessageType.HeartbeatResp, from: 3n, term: leader.term, context });
  expect(leader.raft.readOnly.length).toBe(0);
  ask(leader, 2n, 1);
  expect(leader.raft.readOnly.length).toBe(1);
});

it('votes of nodes that do not vote are not kept', () => {
  const node = new TestNode(storageOf({ voters: [1n, 2n, 3n, 4n, 5n] }));
  node.raw.campaign();
  node.settle();
  for (let id = 100n; id < 1100n; id += 1n) {
    node.step({ type: MessageType.VoteResp, from: id, term: node.term });
  }
  node.step({ type: MessageType.VoteResp, from: 2n, term: node.term, reject: true });
  expect([...node.raft.tracker.votes]).toEqual([
    [1n, true],
    [2n, false],
  ]);
});

it.each([
  [reportedMax - 1, reportedMax - 1],
  [reportedMax, reportedMax],
  [reportedMax + 1, reportedMax],
  [10 * reportedMax, reportedMax],
])('of %i made-up leaders with another log %i are reported in a term', (leaders, reported) => {
  const claims: ImpossibleClaim[] = [];
  const node = new TestNode(storageOf({ entries: '1:1,1,2', hardState: { term: 2, commit: 2 } }), {
    onImpossibleClaim: (claim) => claims.push(claim),
  });
  for (let id = 100n; id < 100n + BigInt(leaders); id += 1n) {
    node.step({ type: MessageType.App, from: id, term: 3, index: 2, logTerm: 2 });
  }
  expect(claims).toHaveLength(reported);
  expect(node.raft.impossibleClaims.size).toBe(reported);
  // Those that were reported are counted on.
  for (let at = 0; at < 9; at += 1) {
    node.step({ type: MessageType.App, from: 100n, term: 3, index: 2, logTerm: 2 });
  }
  expect(claims.at(-1)).toMatchObject({ from: 100n, times: 10 });
});
