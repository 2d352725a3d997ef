/**
 * The exact log lines that etcd's data-driven files do not have. These files and our own have the
 * others.
 */

import {
  ConfChangeTransition,
  ConfChangeType,
  emptyConfState,
  encodeConfChange,
  EntryType,
  MessageType,
  newMessage,
  type Snapshot,
} from '@babuza/raftpb';
import { expect, it } from 'vitest';
import { MemoryStorage, StateType } from '../src/index.ts';
import { handleSnapshot } from '../src/follower/snapshot.ts';
import { Unstable } from '../src/log/unstable.ts';
import { bytesOf, codeOf, entriesOf, leaderOf, storageOf, TestNode } from './support.ts';

const compacted = { index: 5, term: 1, hardState: { term: 1, commit: 5 } };

function snapshotOf(index: number, term: number, voters: readonly bigint[] = [1n, 2n]): Snapshot {
  return { metadata: { confState: { ...emptyConfState, voters }, index, term } };
}

/**
 * A leader of term 2 with the voters 1 and 10. Its log is compacted up to 5; its own entry is at 6.
 */
function leader(storage = storageOf({ ...compacted, voters: [1n, 10n] })): TestNode {
  const node = leaderOf(storage);
  node.settle();
  return node;
}

/** A follower of node 10 in term 2, with the entries 6 and 7. */
function follower(): TestNode {
  const node = new TestNode(storageOf({ ...compacted, voters: [1n, 10n], entries: '6:2,2' }));
  node.step({ type: MessageType.Heartbeat, from: 10n, term: 2 });
  return node;
}

/** The leader has sent a snapshot of index 5 to node 10. */
function sendingSnapshot(): TestNode {
  const node = leader();
  const answer = { type: MessageType.AppResp, from: 10n, term: 2 } as const;
  node.step({ ...answer, index: 5, reject: true });
  return node;
}

it.each<[line: string, act: () => TestNode]>([
  [
    'DEBUG 1 ignoring MsgHup because already leader',
    () => {
      const node = leader();
      node.raw.campaign();
      return node;
    },
  ],
  [
    'WARN 1 cannot campaign at term 1 since there are still pending configuration changes to apply',
    () => {
      const storage = storageOf({ ...compacted, hardState: { term: 1, commit: 6 } });
      return unappliedChange(storage);
    },
  ],
  [
    'DEBUG 1 [term 2 state StateCandidate] ignored MsgTimeoutNow from a',
    () => {
      const node = new TestNode(storageOf({ ...compacted, voters: [1n, 10n] }));
      node.raw.campaign();
      node.step({ type: MessageType.TimeoutNow, from: 10n, term: 2 });
      return node;
    },
  ],
  [
    'INFO 1 not forwarding to leader a at term 2; dropping proposal',
    () => {
      const config = { disableProposalForwarding: true };
      const node = new TestNode(storageOf({ ...compacted, voters: [1n, 10n] }), config);
      node.step({ type: MessageType.Heartbeat, from: 10n, term: 2 });
      expect(codeOf(() => node.raw.propose(bytesOf('x')))).toBe('RAFT_CORE_PROPOSAL_DROPPED');
      return node;
    },
  ],
  [
    'DEBUG not initiating automatic transition out of joint configuration ' +
      'voters=(1)&&(1 a) autoleave: raft proposal dropped',
    leavingDuringTransfer,
  ],
  [
    'DEBUG ignore sending snapshot to a since it is not recently active',
    () => {
      const node = sendingSnapshot();
      node.progress(10n).becomeProbe();
      node.progress(10n).next = 3;
      node.progress(10n).recentActive = false;
      node.raw.propose(bytesOf('x'));
      return node;
    },
  ],
  [
    'DEBUG 1 failed to send snapshot to a because snapshot is temporarily unavailable',
    () => {
      const storage = new MemoryStorage();
      const confState = { ...emptyConfState, voters: [1n, 10n] };
      storage.applySnapshot({ metadata: { confState, index: 0, term: 0 } });
      storage.append(entriesOf('1:1,1,1'));
      storage.compact(2);
      storage.setHardState({ term: 1, vote: 0n, commit: 3 });
      const node = leader(storage);
      node.step({ type: MessageType.AppResp, from: 10n, term: 2, index: 3, reject: true });
      return node;
    },
  ],
  [
    'DEBUG 1 snapshot succeeded, resumed sending replication messages to a ' +
      '[StateProbe match=0 next=6]',
    () => {
      const node = sendingSnapshot();
      node.raw.reportSnapshot(10n, 'finish');
      return node;
    },
  ],
  [
    'DEBUG 1 snapshot failed, resumed sending replication messages to a [StateProbe match=0 next=1]',
    () => {
      const node = sendingSnapshot();
      node.raw.reportSnapshot(10n, 'failure');
      return node;
    },
  ],
  [
    'INFO 1 no leader at term 1; dropping leader transfer msg',
    () => {
      const node = new TestNode(storageOf({ ...compacted, voters: [1n, 10n] }));
      node.raw.transferLeader(10n);
      return node;
    },
  ],
  [
    'INFO 1 no leader at term 1; dropping index reading msg',
    () => {
      const node = new TestNode(storageOf({ ...compacted, voters: [1n, 10n] }));
      node.raw.readIndex(bytesOf('x'));
      return node;
    },
  ],
  [
    'ERROR 1 invalid format of MsgReadIndexResp from a, entries count: 2',
    () => {
      const node = follower();
      const entries = entriesOf('1:1,1');
      node.step({ type: MessageType.ReadIndexResp, from: 10n, term: 2, index: 6, entries });
      return node;
    },
  ],
  [
    'INFO 1 [commit: 5, lastindex: 7, lastterm: 2] fast-forwarded commit to snapshot ' +
      '[index: 6, term: 2]',
    () => {
      const node = follower();
      const snapshot = snapshotOf(6, 2);
      node.step({ type: MessageType.Snap, from: 10n, term: 2, snapshot });
      expect(node.lines.at(-1)).toBe('INFO 1 [commit: 6] ignored snapshot [index: 6, term: 2]');
      return node;
    },
  ],
  [
    'WARN 1 attempted to restore snapshot but it is not in the ConfState Voters:[10 2] ' +
      'VotersOutgoing:[] Learners:[] LearnersNext:[] AutoLeave:false; should never happen',
    () => {
      const node = follower();
      const snapshot = snapshotOf(9, 2, [10n, 2n]);
      node.step({ type: MessageType.Snap, from: 10n, term: 2, snapshot });
      expect(node.lines.at(-1)).toBe('INFO 1 [commit: 5] ignored snapshot [index: 9, term: 2]');
      return node;
    },
  ],
  [
    'WARN 1 attempted to restore snapshot as leader; should never happen',
    () => {
      const node = leader();
      const snapshot = snapshotOf(9, 2);
      handleSnapshot(node.raft, newMessage({ type: MessageType.Snap, from: 10n, snapshot }));
      expect([node.state, node.term]).toEqual([StateType.Follower, 3]);
      return node;
    },
  ],
])('%s', (line, act) => {
  expect(act().lines).toContain(line);
});

it('a report about the unstable snapshot is logged as ignored', () => {
  const lines: string[] = [];
  const unstable = new Unstable(1, { log: (level, line) => lines.push(`${level} ${line()}`) });
  unstable.restore(snapshotOf(4, 1));
  unstable.stableTo(1, 4);
  expect(lines).toEqual(['info entry at index 4 matched unstable snapshot; ignoring']);
});

/** Entry 6 is a committed membership change that is not applied. */
function unappliedChange(storage: MemoryStorage): TestNode {
  const data = encodeConfChange({ id: 0n, type: ConfChangeType.AddNode, nodeId: 4n });
  storage.append([{ index: 6, term: 1, type: EntryType.ConfChange, data }]);
  const node = new TestNode(storage);
  node.raw.campaign();
  return node;
}

/** The change that leaves the joint membership would be proposed during a leadership transfer. */
function leavingDuringTransfer(): TestNode {
  const node = leader();
  const changes = [{ type: ConfChangeType.RemoveNode, nodeId: 10n }];
  node.raw.proposeConfChange({ transition: ConfChangeTransition.JointImplicit, changes });
  node.settle();
  node.raw.transferLeader(10n);
  node.step({ type: MessageType.AppResp, from: 10n, term: 2, index: 7 });
  node.settle();
  return node;
}
