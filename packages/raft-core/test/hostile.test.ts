/**
 * A hostile or corrupt message never makes the core throw anything but its documented errors, and never makes it
 * follow a term or index above 2^53 - 1.
 */

import { emptyConfState, EntryType, MessageType, newMessage, type Message } from '@babuza/raftpb';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { localAppendThread, StateType } from '../src/index.ts';
import { codeOf, entriesOf, leaderOf, storageOf, taken, TestNode } from './support.ts';

const documented = new Set<unknown>([
  undefined,
  'RAFT_CORE_PROPOSAL_DROPPED',
  'RAFT_CORE_LOCAL_MESSAGE',
  'RAFT_CORE_PEER_NOT_FOUND',
  'RAFT_CORE_INVALID_MESSAGE',
  'RAFT_CORE_PANIC',
]);

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
  it.each(unsafe)('%d in any field is refused before anything happens', (value) => {
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
  });

  it('the last possible index cannot be followed by entries', () => {
    const node = nodeIn(StateType.Follower);
    const index = Number.MAX_SAFE_INTEGER;
    const entries = [{ index: index + 1, term: 3, type: EntryType.Normal }];
    const message = newMessage({ type: MessageType.App, from: 2n, term: 3, index, entries });
    expect(codeOf(() => node.raw.step(message))).toBe('RAFT_CORE_INVALID_MESSAGE');
  });

  it('a node in the last possible term does not campaign', () => {
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
    ['the wrong place', { entries: entriesOf('3:2') }],
    ['a repetition', { entries: [...entriesOf('4:2'), ...entriesOf('4:2')] }],
    ['a term that falls', { entries: entriesOf('4:3,2') }],
    ['a term below what precedes', { entries: entriesOf('4:1') }],
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

  it('a type that does not exist', () => {
    const node = nodeIn(StateType.Follower);
    const message = {
      ...newMessage({ type: MessageType.App, from: 2n }),
      ...JSON.parse('{"type":99}'),
    };
    expect(codeOf(() => node.raw.step(message))).toBe('RAFT_CORE_INVALID_MESSAGE');
  });

  it('a vote without term would make a candidate forget its own', () => {
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

  it('an acknowledgment beyond the log commits nothing that is not there', () => {
    const node = nodeIn(StateType.Leader);
    node.settle();
    for (const from of [2n, 3n]) {
      node.raw.step(newMessage({ type: MessageType.AppResp, from, term: 3, index: 1000 }));
    }
    expect(node.committed).toBeLessThanOrEqual(node.raft.log.lastIndex());
  });
});

it('any message to a node in any role: a documented error at most, and safe numbers', () => {
  const number = fc.oneof(
    fc.nat(8),
    fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER - 1, 2 ** 53, -1, 2 ** 31),
  );
  const entry = fc.record(
    {
      index: number,
      term: number,
      type: fc.constantFrom<EntryType>(0, 1, 2),
      data: fc.uint8Array({ maxLength: 8 }),
    },
    { requiredKeys: ['index', 'term', 'type'] },
  );
  const id = fc.constantFrom(0n, 1n, 2n, 3n, 9n, localAppendThread);
  const ids = fc.uniqueArray(fc.bigInt({ min: 0n, max: 4n }), { maxLength: 4 });
  const confState = fc.record({
    voters: ids,
    learners: ids,
    votersOutgoing: ids,
    learnersNext: ids,
    autoLeave: fc.boolean(),
  });
  const message = fc
    .record(
      {
        type: fc.nat(23).map((type) => type as MessageType),
        to: id,
        from: id,
        term: number,
        logTerm: number,
        index: number,
        entries: fc.array(entry, { maxLength: 3 }),
        commit: number,
        snapshot: fc.record({ metadata: fc.record({ confState, index: number, term: number }) }),
        reject: fc.boolean(),
        rejectHint: number,
        context: fc.uint8Array({ maxLength: 9 }),
      },
      { requiredKeys: ['type', 'from'] },
    )
    .map(newMessage);
  const states = fc.constantFrom<StateType>(0, 1, 2, 3);
  fc.assert(
    fc.property(states, fc.array(message, { maxLength: 6 }), (state, messages) => {
      const node = nodeIn(state);
      for (const sent of messages) {
        const before = node.term;
        const code = codeOf(() => {
          node.raw.step(sent);
          if (node.raw.hasReady()) node.raw.peekReady();
        });
        expect(documented).toContain(code);
        expect(Number.isSafeInteger(node.term)).toBe(true);
        expect(node.term).toBeGreaterThanOrEqual(before);
        if (code === 'RAFT_CORE_PANIC') return;
        expect(node.committed).toBeLessThanOrEqual(node.raft.log.lastIndex());
        taken(node);
      }
    }),
    { numRuns: 3000 },
  );
});
