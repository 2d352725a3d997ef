/**
 * A hostile or corrupt message makes the core throw only its documented errors, and never makes it
 * accept a term or an index above 2^53 - 1.
 */

import {
  emptyConfState,
  encodeEntry,
  encodeHardState,
  encodeMessage,
  EntryType,
  MessageType,
  newMessage,
  type Message,
} from '@babuza/raftpb';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isLocalThread, localAppendThread, localApplyThread, StateType } from '../src/index.ts';
import { codeOf, entriesOf, leaderOf, storageOf, TestNode } from './support.ts';

const documented = new Set<unknown>([
  undefined,
  'RAFT_CORE_PROPOSAL_DROPPED',
  'RAFT_CORE_LOCAL_MESSAGE',
  'RAFT_CORE_PEER_NOT_FOUND',
  'RAFT_CORE_INVALID_MESSAGE',
  'RAFT_CORE_PANIC',
  // The test applies committed changes, which may have forged data.
  'RAFTPB_DECODE',
]);

const last = Number.MAX_SAFE_INTEGER;
const unsafe = [2 ** 53, 2 ** 60, -1, 0.5, Number.NaN, Infinity];

function nodeIn(state: StateType): TestNode {
  const entries = '1:1,1,2';
  const init = { entries, hardState: { term: 2, commit: 2 } };
  if (state === StateType.Leader) return leaderOf(storageOf(init));
  const node = new TestNode(storageOf(init), { preVote: state === StateType.PreCandidate });
  if (state !== StateType.Follower) node.raw.campaign();
  return node;
}

describe('numbers that JavaScript would round', () => {
  it.each(unsafe)(
    '%d in any field of a message is rejected, and the node is unchanged',
    (value) => {
      const metadata = { confState: { ...emptyConfState, voters: [1n] }, index: 9, term: 3 };
      const entry = { index: 4, term: 3, type: EntryType.Normal };
      const messages: Partial<Message>[] = [
        { term: value },
        { logTerm: value },
        { index: value },
        { commit: value },
        { rejectHint: value },
        { entries: [{ ...entry, term: value }] },
        { entries: [{ ...entry, index: value }] },
        { snapshot: { metadata: { ...metadata, index: value } } },
        { snapshot: { metadata: { ...metadata, term: value } } },
      ];
      for (const fields of messages) {
        const node = nodeIn(StateType.Follower);
        const message = newMessage({
          type: MessageType.App,
          from: 2n,
          to: 1n,
          term: 3,
          logTerm: 2,
          index: 3,
          ...fields,
        });
        expect(codeOf(() => node.raw.step(message))).toBe('RAFT_CORE_INVALID_MESSAGE');
        expect([node.term, node.log, node.raft.lead]).toEqual([2, '1:1,1,2', 0n]);
      }
    },
  );

  it.each(unsafe)('%d in an entry of any type of message is rejected', (value) => {
    const entry = { index: 1, term: 1, type: EntryType.Normal };
    for (const type of [MessageType.StorageApplyResp, MessageType.Prop, MessageType.ReadIndex]) {
      for (const fields of [{ index: value }, { term: value }]) {
        const node = nodeIn(StateType.Leader);
        const applied = node.raft.log.applied;
        const entries = [{ ...entry, ...fields }];
        const from = localApplyThread;
        expect(codeOf(() => node.raw.step(newMessage({ type, from, entries })))).toBe(
          'RAFT_CORE_INVALID_MESSAGE',
        );
        expect(node.raft.log.applied).toBe(applied);
      }
    }
  });

  it('no entries can follow the highest possible index', () => {
    const node = nodeIn(StateType.Follower);
    const index = Number.MAX_SAFE_INTEGER;
    const entries = [{ index: index + 1, term: 3, type: EntryType.Normal }];
    const message = newMessage({ type: MessageType.App, from: 2n, term: 3, index, entries });
    expect(codeOf(() => node.raw.step(message))).toBe('RAFT_CORE_INVALID_MESSAGE');
  });

  it('a node whose log ends at the highest possible index does not campaign', () => {
    const index = Number.MAX_SAFE_INTEGER;
    const node = new TestNode(storageOf({ voters: [1n], index, term: 2 }));
    node.raw.campaign();
    expect([node.settle(), node.state]).toEqual([[], StateType.Follower]);
    expect(node.lines.at(-1)).toBe('ERROR 1 cannot campaign: the log is full');
  });

  it('a leader drops proposals that would exceed the highest possible index', () => {
    const index = Number.MAX_SAFE_INTEGER - 2;
    const node = leaderOf(storageOf({ voters: [1n], index, term: 2 }));
    node.settle();
    expect(() => node.propose('a', 'b')).toThrow(expect.objectContaining({ reason: 'log-full' }));
    node.propose('a');
    expect(() => node.propose('b')).toThrow(expect.objectContaining({ reason: 'log-full' }));
    node.settle();
    expect([node.committed, node.appliedTexts]).toEqual([Number.MAX_SAFE_INTEGER, ['a']]);
  });

  it('a node in the highest possible term does not campaign', () => {
    const node = nodeIn(StateType.Follower);
    node.raw.step(
      newMessage({ type: MessageType.Heartbeat, from: 2n, term: Number.MAX_SAFE_INTEGER }),
    );
    node.tick(30);
    expect([node.term, node.state]).toEqual([Number.MAX_SAFE_INTEGER, StateType.Follower]);
  });
});

describe('messages that no correct node sends', () => {
  it.each([
    ['a gap', { entries: entriesOf('5:2') }],
    ['a wrong index', { entries: entriesOf('3:2') }],
    ['a repetition', { entries: [...entriesOf('4:2'), ...entriesOf('4:2')] }],
    ['a term that decreases', { entries: entriesOf('4:3,2') }],
    ['a term below that of the previous entry', { entries: entriesOf('4:1') }],
    ['a term above that of the message', { entries: entriesOf('4:4') }],
    ['no term', { term: 0 }],
    ['its own id', { from: 1n }],
  ])('an append with %s', (_name, fields) => {
    const node = nodeIn(StateType.Follower);
    const message = newMessage({
      type: MessageType.App,
      from: 2n,
      term: 3,
      logTerm: 2,
      index: 3,
      ...fields,
    });
    expect(codeOf(() => node.raw.step(message))).toBe('RAFT_CORE_INVALID_MESSAGE');
    expect([node.term, node.log]).toEqual([2, '1:1,1,2']);
  });

  it.each([-1n, 2n ** 64n])('an id of more than 64 bits is rejected: %d', (id) => {
    const confState = { ...emptyConfState, voters: [1n, id] };
    const snapshot = { metadata: { confState, index: 9, term: 3 } };
    for (const message of [
      newMessage({ type: MessageType.Vote, from: id, term: 3, index: 9, logTerm: 3 }),
      newMessage({ type: MessageType.Vote, from: 2n, to: id, term: 3, index: 9, logTerm: 3 }),
      newMessage({ type: MessageType.Snap, from: 2n, term: 3, snapshot }),
    ]) {
      const node = nodeIn(StateType.Follower);
      expect(codeOf(() => node.raw.step(message))).toBe('RAFT_CORE_INVALID_MESSAGE');
      expect([node.term, node.raft.vote, node.log]).toEqual([2, 0n, '1:1,1,2']);
    }
  });

  it('a snapshot of a later term than its message is rejected', () => {
    const node = nodeIn(StateType.Follower);
    const confState = { ...emptyConfState, voters: [1n, 2n, 3n] };
    const snapshot = { metadata: { confState, index: 9, term: 4 } };
    const message = newMessage({ type: MessageType.Snap, from: 2n, term: 3, snapshot });
    expect(codeOf(() => node.raw.step(message))).toBe('RAFT_CORE_INVALID_MESSAGE');
    expect([node.term, node.log]).toEqual([2, '1:1,1,2']);
  });

  it('before the first election a snapshot may have no term, but a vote must have one', () => {
    const node = new TestNode(storageOf({ index: 5, term: 1 }));
    const confState = { ...emptyConfState, voters: [1n, 2n, 3n] };
    const snapshot = { metadata: { confState, index: 9, term: 1 } };
    node.raw.step(newMessage({ type: MessageType.Snap, from: 2n, snapshot }));
    expect(node.settle()).toMatchObject([{ type: MessageType.AppResp, index: 9, to: 2n }]);
    for (const type of [MessageType.Vote, MessageType.PreVote, MessageType.PreVoteResp]) {
      const message = newMessage({ type, from: 2n, index: 9, logTerm: 1 });
      expect(codeOf(() => node.raw.step(message))).toBe('RAFT_CORE_INVALID_MESSAGE');
    }
  });

  it('an entry of an unknown type is rejected', () => {
    const node = nodeIn(StateType.Follower);
    const entry = { index: 4, term: 3, type: EntryType.Normal, ...JSON.parse('{"type":3}') };
    const message = newMessage({
      type: MessageType.App,
      from: 2n,
      term: 3,
      logTerm: 2,
      index: 3,
      entries: [entry],
    });
    expect(codeOf(() => node.raw.step(message))).toBe('RAFT_CORE_INVALID_MESSAGE');
  });

  it('a message of an unknown type is rejected', () => {
    const node = nodeIn(StateType.Follower);
    const message = {
      ...newMessage({ type: MessageType.App, from: 2n }),
      ...JSON.parse('{"type":99}'),
    };
    expect(codeOf(() => node.raw.step(message))).toBe('RAFT_CORE_INVALID_MESSAGE');
  });

  it('a vote without term is rejected', () => {
    for (const type of [
      MessageType.Vote,
      MessageType.PreVote,
      MessageType.Heartbeat,
      MessageType.Snap,
    ]) {
      const node = nodeIn(StateType.Candidate);
      expect(codeOf(() => node.raw.step(newMessage({ type, from: 2n })))).toBe(
        'RAFT_CORE_INVALID_MESSAGE',
      );
      expect(node.term).toBe(3);
    }
  });

  it('a snapshot message without a snapshot is answered and changes nothing', () => {
    const node = nodeIn(StateType.Follower);
    node.raw.step(newMessage({ type: MessageType.Snap, from: 2n, term: 3 }));
    expect(node.settle()).toMatchObject([{ type: MessageType.AppResp, index: 2 }]);
    expect(node.log).toBe('1:1,1,2');
  });

  it('an acknowledgment behind the end of the log commits nothing', () => {
    const node = nodeIn(StateType.Leader);
    node.settle();
    for (const from of [2n, 3n]) {
      node.raw.step(newMessage({ type: MessageType.AppResp, from, term: 3, index: 1000 }));
    }
    expect(node.committed).toBe(2);
    expect(node.progress(2n).match).toBe(0);
  });
});

/** Small numbers, the largest that are exact, and numbers that no message may have. */
const number = fc.oneof(
  { weight: 6, arbitrary: fc.nat(8) },
  { weight: 2, arbitrary: fc.constantFrom(last - 2, last - 1, last) },
  { weight: 1, arbitrary: fc.constantFrom(...unsafe, 2 ** 31) },
);
const id = fc.constantFrom(0n, 1n, 2n, 3n, 9n, localApplyThread, localAppendThread, -1n, 2n ** 64n);
const entry = fc.record(
  {
    index: number,
    term: number,
    type: fc.constantFrom(...Object.values(EntryType)),
    data: fc.uint8Array({ maxLength: 8 }),
  },
  { requiredKeys: ['index', 'term', 'type'] },
);
const ids = fc.array(id, { maxLength: 4 });
const confState = fc.oneof(
  fc.constant({ ...emptyConfState, voters: [1n, 2n, 3n] }),
  fc.record({
    voters: ids,
    learners: ids,
    votersOutgoing: ids,
    learnersNext: ids,
    autoLeave: fc.boolean(),
  }),
);
const snapshot = fc.record({ metadata: fc.record({ confState, index: number, term: number }) });
const anyMessage = fc
  .record(
    {
      type: fc.constantFrom(...Object.values(MessageType)),
      to: id,
      from: id,
      term: number,
      logTerm: number,
      index: number,
      entries: fc.array(entry, { maxLength: 3 }),
      commit: number,
      snapshot,
      reject: fc.boolean(),
      rejectHint: number,
      context: fc.uint8Array({ maxLength: 9 }),
      vote: id,
    },
    { requiredKeys: ['type', 'from'] },
  )
  .map(newMessage);
/** A message that another member can send, before its numbers are forged. */
const appendMessage = fc
  .tuple(fc.record({ term: number, index: number, logTerm: number, commit: number }), fc.nat(3))
  .map(([fields, count]) => {
    const terms = Array.from({ length: count }, () => fields.logTerm);
    const entries = terms.map((term, at) => ({
      index: fields.index + 1 + at,
      term,
      type: EntryType.Normal,
    }));
    return newMessage({ type: MessageType.App, from: 2n, entries, ...fields });
  });
const snapshotMessage = fc
  .record({ term: number, snapshot })
  .map((fields) => newMessage({ type: MessageType.Snap, from: 2n, ...fields }));
const answer = fc
  .record({
    type: fc.constantFrom(
      MessageType.AppResp,
      MessageType.VoteResp,
      MessageType.PreVoteResp,
      MessageType.HeartbeatResp,
    ),
    from: fc.constantFrom(2n, 3n),
    term: number,
    index: number,
    logTerm: number,
    reject: fc.boolean(),
    rejectHint: number,
  })
  .map(newMessage);
const deed = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.oneof(anyMessage, appendMessage, snapshotMessage, answer),
  },
  { weight: 3, arbitrary: fc.constant('process' as const) },
  { weight: 3, arbitrary: fc.constantFrom('tick', 'campaign', 'propose', 'read') },
);

function doDeed(node: TestNode, done: Message | string): void {
  if (typeof done !== 'string') node.raw.step(done);
  else if (done === 'tick') node.tick(12);
  else if (done === 'campaign') node.raw.campaign();
  else if (done === 'propose') node.raw.propose(Uint8Array.of(1));
  else if (done === 'read') node.raw.readIndex(Uint8Array.of(1));
  else if (node.raw.hasReady()) {
    // Everything that is to be written or sent can be encoded.
    const { messages, entries, hardState } = node.process();
    for (const message of messages) encodeMessage(message);
    for (const added of entries) encodeEntry(added);
    if (hardState !== undefined) encodeHardState(hardState);
  }
}

/** The invariants of the log that hold between any two calls. */
function checkNumbers({ raft, term }: TestNode): void {
  const { log } = raft;
  const ascending = [log.applied, log.applying, log.committed, log.lastIndex(), last];
  expect(ascending).toEqual(ascending.toSorted((a, b) => a - b));
  for (const value of [...ascending, term]) expect(Number.isSafeInteger(value)).toBe(true);
  expect(log.lastTerm()).toBeLessThanOrEqual(term);
  if (raft.state !== StateType.Leader) return;
  for (const { match, next } of raft.tracker.members) {
    expect(match).toBeLessThanOrEqual(log.lastIndex());
    expect(next).toBeLessThanOrEqual(log.lastIndex() + 1);
  }
}

/**
 * Whether the message is from another node. A transport must not deliver reports of storage
 * threads.
 */
function isFromPeer(done: Message | string): boolean {
  return typeof done !== 'string' && !isLocalThread(done.from);
}

it.each([StateType.Follower, StateType.Candidate, StateType.Leader, StateType.PreCandidate])(
  'hostile messages to a node that starts in role %i cause only documented errors and exact numbers',
  (state) => {
    fc.assert(
      fc.property(fc.array(deed, { maxLength: 14 }), (deeds) => {
        const node = nodeIn(state);
        for (const done of deeds) {
          const { term } = node;
          const code = codeOf(() => doDeed(node, done));
          expect(documented).toContain(code);
          // Messages of other nodes never stop a leader.
          if (code === 'RAFT_CORE_PANIC' && isFromPeer(done)) {
            expect(node.state).not.toBe(StateType.Leader);
          }
          // The node has stopped. Entries that forged messages have committed need not be valid
          // changes.
          if (code === 'RAFT_CORE_PANIC' || code === 'RAFTPB_DECODE') return;
          expect(node.term).toBeGreaterThanOrEqual(term);
          checkNumbers(node);
        }
      }),
      { numRuns: 500 },
    );
  },
);
