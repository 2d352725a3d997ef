/** Claims that cannot be true are dropped and reported. They never stop the leader. */

import { EntryType, MessageType, newMessage, type Message } from '@babuza/raftpb';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ProgressState,
  StateType,
  type ImpossibleClaim,
  type ImpossibleClaimKind,
} from '../src/index.ts';
import { codeOf, leaderOf, storageOf, TestNode, type StorageInit } from './support.ts';

interface Watched {
  readonly node: TestNode;
  readonly claims: ImpossibleClaim[];
}

const log: StorageInit = { entries: '1:1,1,2', hardState: { term: 2, commit: 2 } };

/** A leader of term 3 with the entries 1 to 4 and the other members 2 and 3. */
function leader(init: StorageInit = log): Watched {
  const claims: ImpossibleClaim[] = [];
  const onImpossibleClaim = (claim: ImpossibleClaim): unknown => claims.push(claim);
  const node = leaderOf(storageOf(init), { onImpossibleClaim });
  node.settle();
  return { node, claims };
}

function step({ node }: Watched, fields: Partial<Message>): void {
  const { AppResp } = MessageType;
  node.raw.step(newMessage({ type: AppResp, from: 2n, to: 1n, term: node.term, ...fields }));
}

/** The progress of a member, and the commit index of the leader. */
function knowledge({ node }: Watched): unknown[] {
  const { match, next, state, recentActive, msgAppFlowPaused } = node.progress(2n);
  return [match, next, state, recentActive, msgAppFlowPaused, node.committed, node.raw.hasReady()];
}

const impossible: [
  string,
  Partial<Message>,
  Pick<ImpossibleClaim, 'claimed' | 'atMost'> & { kind: ImpossibleClaimKind },
][] = [
  [
    'an acknowledgement of the entry behind the last one',
    { index: 5 },
    { kind: 'match', claimed: 5, atMost: 4 },
  ],
  [
    'an acknowledgement of the last possible index',
    { index: Number.MAX_SAFE_INTEGER },
    { kind: 'match', claimed: Number.MAX_SAFE_INTEGER, atMost: 4 },
  ],
  [
    'a rejection of an append behind the end of the log',
    { reject: true, index: 5, rejectHint: 3, logTerm: 2 },
    { kind: 'rejected', claimed: 5, atMost: 4 },
  ],
  [
    'a rejection with a hint above the rejected index',
    { reject: true, index: 3, rejectHint: 4, logTerm: 2 },
    { kind: 'hint', claimed: 4, atMost: 3 },
  ],
  [
    'a rejection with a hint of a term above that of the leader',
    { reject: true, index: 4, rejectHint: 3, logTerm: 4 },
    { kind: 'hint-term', claimed: 4, atMost: 3 },
  ],
  [
    'an acknowledgement with a commit index behind the end of the log',
    { index: 4, commit: 5 },
    { kind: 'commit', claimed: 5, atMost: 4 },
  ],
  [
    'an answer to a heartbeat with such a commit index',
    { type: MessageType.HeartbeatResp, commit: 5 },
    { kind: 'commit', claimed: 5, atMost: 4 },
  ],
  [
    'a heartbeat of another leader of the same term with such a commit index',
    { type: MessageType.Heartbeat, commit: 5 },
    { kind: 'commit', claimed: 5, atMost: 4 },
  ],
];

describe('a claim of a member that cannot be true', () => {
  it.each(impossible)('%s is dropped and reported', (_title, fields, expected) => {
    const watched = leader();
    const before = knowledge(watched);
    step(watched, fields);
    const messageType = fields.type ?? MessageType.AppResp;
    expect(watched.claims).toEqual([{ from: 2n, term: 3, times: 1, messageType, ...expected }]);
    expect(knowledge(watched)).toEqual(before);
    expect(watched.node.state).toBe(StateType.Leader);
  });

  it('is logged with the member, the claim, the bound, and what to do', () => {
    const watched = leader();
    step(watched, { index: 207 });
    expect(watched.node.lines.at(-1)).toBe(
      'WARN 1 dropped a MsgAppResp from member 2 at term 3: it acknowledges the entries up to ' +
        'index 207, expected at most 4, the last index of this leader. The log of that member ' +
        'does not continue the log of this one (another cluster, another directory, or lost ' +
        'entries here): stop member 2 and compare the two. Seen 1 time in this term.',
    );
  });

  it('may equal the bound, and is then accepted', () => {
    const rejected = leader();
    step(rejected, { reject: true, index: 4, rejectHint: 4, logTerm: 3 });
    const committed = leader();
    step(committed, { type: MessageType.HeartbeatResp, commit: 4 });
    const matched = leader();
    step(matched, { index: 4, commit: 4 });
    for (const { claims } of [rejected, committed, matched]) expect(claims).toEqual([]);
    expect(matched.node.progress(2n)).toMatchObject({ match: 4, state: ProgressState.Replicate });
    expect(matched.node.committed).toBe(4);
  });

  it('does not stop a leader without snapshot', () => {
    const watched = leader();
    step(watched, { index: 1000 });
    watched.node.tick(1);
    step(watched, { type: MessageType.HeartbeatResp });
    watched.node.propose('a');
    expect(watched.node.state).toBe(StateType.Leader);
    const sent = watched.node.settle();
    expect(sent.filter(({ type }) => type === MessageType.Snap)).toEqual([]);
  });

  it('commits nothing, even if two of three voters acknowledge missing entries', () => {
    const watched = leader();
    for (const from of [2n, 3n]) step(watched, { from, index: 9 });
    expect(watched.node.committed).toBe(2);
    expect(watched.claims.map(({ from }) => from)).toEqual([2n, 3n]);
  });
});

it.each([
  ['without entries', []],
  [
    'with a membership change that cannot be decoded',
    [{ index: 0, term: 0, type: EntryType.ConfChangeV2, data: Uint8Array.of(255) }],
  ],
])('a proposal of a member %s is rejected before it could stop the leader', (_title, entries) => {
  const watched = leader();
  const before = knowledge(watched);
  const message = newMessage({ type: MessageType.Prop, from: 2n, to: 1n, entries });
  expect(codeOf(() => watched.node.raw.step(message))).toBe('RAFT_CORE_INVALID_MESSAGE');
  expect(knowledge(watched)).toEqual(before);
});

describe('the reports of claims', () => {
  it('follow the 1st, 10th, 100th, … message of each member and kind', () => {
    const watched = leader();
    for (let count = 0; count < 1500; count += 1) step(watched, { index: 5 });
    expect(watched.claims.map(({ times }) => times)).toEqual([1, 10, 100, 1000]);
    step(watched, { index: 4, commit: 5 });
    step(watched, { index: 5, from: 3n });
    expect(watched.claims.slice(4)).toMatchObject([
      { kind: 'commit', from: 2n, times: 1 },
      { kind: 'match', from: 3n, times: 1 },
    ]);
  });

  it('start again with each leadership', () => {
    const watched = leader();
    for (let count = 0; count < 5; count += 1) step(watched, { index: 5 });
    const { node, claims } = watched;
    step(watched, { type: MessageType.Heartbeat, term: 4 });
    node.raw.campaign();
    node.settle();
    step(watched, { type: MessageType.VoteResp });
    node.settle();
    expect(node.state).toBe(StateType.Leader);
    step(watched, { index: 6 });
    expect(claims.map(({ term, times }) => [term, times])).toEqual([
      [3, 1],
      [5, 1],
    ]);
  });

  it('do not include nodes that are not members', () => {
    const watched = leader();
    for (const type of [MessageType.Prop, MessageType.ReadIndex, MessageType.TimeoutNow]) {
      codeOf(() => step(watched, { type, from: 9n, commit: 5 }));
    }
    expect(codeOf(() => step(watched, { from: 9n, index: 5 }))).toBe('RAFT_CORE_PEER_NOT_FOUND');
    expect(watched.claims).toEqual([]);
  });
});

describe('a claim of a leader that cannot be true', () => {
  const { App } = MessageType;

  const init: StorageInit = { entries: '1:1,2', hardState: { term: 2, commit: 2 } };

  /** A follower of term 2 with the entries 1 and 2 of the terms 1 and 2, both committed. */
  function follower(): Watched {
    const claims: ImpossibleClaim[] = [];
    const onImpossibleClaim = (claim: ImpossibleClaim): unknown => claims.push(claim);
    return { node: new TestNode(storageOf(init), { onImpossibleClaim }), claims };
  }

  it.each([
    ['the last committed entry', 2, 3, 2],
    ['a committed entry', 1, 2, 1],
  ])(
    'an append that contradicts %s is neither accepted nor acknowledged',
    (_title, index, logTerm, known) => {
      const watched = follower();
      const entries = [{ index: index + 1, term: 3, type: EntryType.Normal }];
      step(watched, { type: App, term: 3, index, logTerm, entries, commit: 3 });
      expect(watched.claims).toEqual([
        {
          from: 2n,
          messageType: App,
          kind: 'append-term',
          claimed: logTerm,
          atMost: known,
          term: 3,
          times: 1,
        },
      ]);
      const sent = watched.node.settle();
      expect(sent.filter(({ type }) => type === MessageType.AppResp)).toEqual([]);
      expect([watched.node.committed, watched.node.log]).toEqual([2, '1:1,2']);
    },
  );

  it.each([
    ['an append behind the last committed entry', 2, 2],
    ['an old append behind a committed entry', 1, 1],
    ['an old append behind the beginning', 0, 0],
  ])('%s is acknowledged', (_title, index, logTerm) => {
    const watched = follower();
    step(watched, { type: App, term: 3, index, logTerm, commit: 2 });
    const [answer] = watched.node.settle().filter(({ type }) => type === MessageType.AppResp);
    expect(answer).toMatchObject({ index: 2, reject: false });
    expect(watched.claims).toEqual([]);
  });

  it('is logged with the expected term', () => {
    const watched = follower();
    step(watched, { type: App, term: 3, index: 2, logTerm: 3, commit: 3 });
    expect(watched.node.lines.at(-1)).toMatch(
      /^WARN 1 dropped a MsgApp from member 2 at term 3: it appends behind an entry of term 3, expected 2, the term of the entry that is committed here at that index\. /,
    );
  });
});

it('a member that rejects an index that it has acknowledged gets one append per heartbeat', () => {
  const watched = leader();
  const { node } = watched;
  step(watched, { index: 4 });
  node.settle();
  node.raw.reportUnreachable(2n);
  node.propose('a');
  node.settle();
  const rejection = { reject: true, index: 4, rejectHint: 4, logTerm: 2 };
  const appends = (): number =>
    node.settle().filter(({ type, to }) => type === MessageType.App && to === 2n).length;
  for (let round = 0; round < 3; round += 1) {
    step(watched, rejection);
    expect(appends()).toBe(0);
    step(watched, { type: MessageType.HeartbeatResp });
    expect(appends()).toBe(1);
  }
});

/** Numbers around the ends of the log, around the term, and around the limits of exact numbers. */
const number = fc.oneof(
  { weight: 6, arbitrary: fc.nat(9) },
  { weight: 1, arbitrary: fc.constantFrom(1000, Number.MAX_SAFE_INTEGER) },
);
const fromPeer = fc.record({
  type: fc.oneof(
    {
      weight: 3,
      arbitrary: fc.constantFrom(MessageType.AppResp, MessageType.HeartbeatResp),
    },
    { weight: 1, arbitrary: fc.constantFrom(...Object.values(MessageType)) },
  ),
  from: fc.constantFrom(2n, 3n),
  /** Mostly terms up to the leader's own: a higher one would depose it. */
  termsBehind: fc.oneof(
    { weight: 8, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.constantFrom(1, 2) },
  ),
  index: number,
  logTerm: number,
  commit: number,
  reject: fc.boolean(),
  rejectHint: number,
  context: fc.uint8Array({ maxLength: 9 }),
  entries: fc.array(
    fc.record({
      index: number,
      term: number,
      type: fc.constantFrom(...Object.values(EntryType)),
      data: fc.uint8Array({ maxLength: 4 }),
    }),
    { maxLength: 2 },
  ),
});
const begins: StorageInit[] = [log, { index: 5, term: 2, hardState: { term: 2, commit: 5 } }];

it.each(begins)('no messages of other members stop a leader: a log of %o', (init) => {
  const deed = fc.oneof(
    { weight: 4, arbitrary: fromPeer },
    { weight: 2, arbitrary: fc.constantFrom('tick', 'propose', 'settle', 'finish', 'failure') },
  );
  fc.assert(
    fc.property(fc.array(deed, { maxLength: 24 }), (deeds) => {
      const { node } = leader(init);
      for (const done of deeds) {
        if (typeof done !== 'string') {
          const { termsBehind, ...fields } = done;
          const message = newMessage({ to: 1n, ...fields, term: node.term - termsBehind });
          expect(codeOf(() => node.raw.step(message))).not.toBe('RAFT_CORE_PANIC');
        } else if (done === 'tick') node.tick(1);
        else if (done === 'propose') codeOf(() => node.propose('a'));
        else if (done === 'settle') node.settle();
        else for (const id of [2n, 3n]) node.raw.reportSnapshot(id, done);
        const lastIndex = node.raft.log.lastIndex();
        expect(node.state).toBe(StateType.Leader);
        expect(node.committed).toBeLessThanOrEqual(lastIndex);
        for (const { match, next } of node.raft.tracker.members) {
          expect(match).toBeLessThanOrEqual(lastIndex);
          expect(next).toBeLessThanOrEqual(lastIndex + 1);
          expect(match).toBeLessThan(next);
        }
      }
    }),
    { numRuns: 500 },
  );
});
