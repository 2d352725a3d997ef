/** The texts for tools and people: descriptions, status as JSON, log lines and trace events. */

import {
  ConfChangeType,
  emptyConfState,
  EntryType,
  MessageType,
  newMessage,
  type Snapshot,
} from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import {
  describeConfChange,
  describeEntry,
  describeMembership,
  describeMessage,
  describeOperations,
  describeReady,
  quote,
  statusJson,
} from '../src/describe/index.ts';
import {
  localAppendThread,
  localApplyThread,
  RawNode,
  StateType,
  type RaftConfig,
  type TraceEvent,
} from '../src/index.ts';
import { bytesOf, clusterOf, leaderOf, storageOf, TestNode, type StorageInit } from './support.ts';

describe('bytes between double quotes', () => {
  it.each([
    [[], '""'],
    [bytesOf('foo'), '"foo"'],
    [bytesOf('"foo" \\'), String.raw`"\"foo\" \\"`],
    [[7, 8, 12, 10, 13, 9, 11], String.raw`"\a\b\f\n\r\t\v"`],
    [[0, 1, 0x1f, 0x7f], String.raw`"\x00\x01\x1f\x7f"`],
    [bytesOf('äöü € 日本 😀'), '"äöü € 日本 😀"'],
    // No-break space, zero-width space, a control character beyond ASCII, a private character.
    [bytesOf('\u{a0}\u{200b}\u{85}\u{f0000}'), String.raw`"\u00a0\u200b\u0085\U000f0000"`],
    [[0xff, 0x61, 0xc3], String.raw`"\xffa\xc3"`],
    // Over-long, half of a pair, beyond Unicode: no characters.
    [
      [0xc0, 0x80, 0xed, 0xa0, 0x80, 0xf4, 0x90, 0x80, 0x80],
      String.raw`"\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80"`,
    ],
    [bytesOf('\u{fffd}'), '"\u{fffd}"'],
  ])('%#: %s', (data, text) => {
    expect(quote(Uint8Array.from(data))).toBe(text);
  });

  it('no data is the same as empty data', () => {
    expect(quote(undefined)).toBe('""');
  });
});

describe('messages, entries and memberships', () => {
  it('ids are hexadecimal as addresses, decimal as votes and in lists', () => {
    const message = newMessage({
      type: MessageType.StorageAppend,
      from: 255n,
      to: localAppendThread,
      vote: 255n,
      snapshot: {
        metadata: { confState: { ...emptyConfState, voters: [10n, 255n] }, index: 5, term: 1 },
      },
      responses: [newMessage({ type: MessageType.StorageApplyResp, from: localApplyThread })],
    });
    expect(describeMessage(message)).toBe(
      'ff->AppendThread MsgStorageAppend Term:0 Log:0/0 Vote:255\n' +
        '  Snapshot: Index:5 Term:1 ConfState:Voters:[10 255] VotersOutgoing:[] Learners:[] LearnersNext:[] AutoLeave:false Responses:[\n' +
        '  ApplyThread->None MsgStorageApplyResp Term:0 Log:0/0\n' +
        ']',
    );
    const config = {
      incoming: [10n, 11n],
      outgoing: [10n],
      learners: [255n],
      learnersNext: [12n],
      autoLeave: true,
    };
    expect(describeMembership(config)).toBe(
      'voters=(a b)&&(a) learners=(ff) learners_next=(c) autoleave',
    );
  });

  it.each([
    [EntryType.ConfChange, [0x10, 1, 0x18, 10], '1/5 EntryConfChange r10'],
    [EntryType.ConfChangeV2, [], '1/5 EntryConfChangeV2'],
    [
      EntryType.ConfChangeV2,
      [0x12, 4, 8, 3, 0x10, 2, 0x12, 4, 8, 2, 0x10, 3],
      '1/5 EntryConfChangeV2 l2 u3',
    ],
    [EntryType.Normal, [], '1/5 EntryNormal ""'],
  ])('entry of type %i, %j: %s', (type, data, text) => {
    expect(describeEntry({ index: 5, term: 1, type, data: Uint8Array.from(data) })).toBe(text);
  });

  it('data that cannot be decoded is described by the error', () => {
    const entry = { index: 5, term: 1, type: EntryType.ConfChange, data: Uint8Array.of(0xff) };
    expect(describeEntry(entry)).toMatch(/^1\/5 EntryConfChange ConfChange at byte 0/);
  });

  it('an operation of an unknown type has the id of its node', () => {
    const change = { type: ConfChangeType.AddNode, nodeId: 10n, ...JSON.parse('{"type":9}') };
    expect(describeOperations([change])).toBe('unknown10');
  });

  it('a membership change in one line', () => {
    expect(describeConfChange({ id: 1n, type: 3, nodeId: 255n, context: bytesOf('c') })).toBe(
      'transition:ConfChangeTransitionAuto changes:{type:ConfChangeAddLearnerNode node_id:255} context:"c"',
    );
  });

  it('an empty Ready, and one with reads', () => {
    const empty = {
      readStates: [],
      entries: [],
      committedEntries: [],
      messages: [],
      mustSync: false,
    };
    expect(describeReady(empty)).toBe('<empty Ready>');
    const readStates = [{ index: 11, requestContext: bytesOf('ctx') }];
    expect(describeReady({ ...empty, readStates })).toBe(
      'Ready MustSync=false:\nReadStates [{11 [99 116 120]}]\n',
    );
  });
});

it('the status as JSON has ids in hexadecimal and members ascending', () => {
  const node = leaderOf(storageOf({ voters: [1n, 10n, 9n] }));
  const json = statusJson(node.raw.status());
  expect(json).toBe(
    '{"id":"1","term":1,"vote":"1","commit":0,"lead":"1","raftState":"StateLeader","applied":0,"progress":{' +
      '"1":{"match":0,"next":1,"state":"StateReplicate"},' +
      '"9":{"match":0,"next":1,"state":"StateProbe"},' +
      '"a":{"match":0,"next":1,"state":"StateProbe"}},"leadtransferee":"0"}',
  );
  expect(JSON.parse(json)).toMatchObject({ id: '1' });
});

describe('log lines', () => {
  it('are not formatted for a logger that does not call them', () => {
    let asked = 0;
    const levels = new Set<string>();
    const node = new TestNode(storageOf(), {
      logger: {
        log: (level) => {
          asked += 1;
          levels.add(level);
        },
      },
    });
    node.raw.campaign();
    expect([asked > 3, [...levels]]).toEqual([true, ['info']]);
  });

  it('a panic is logged as fatal, and then thrown with the same text', () => {
    const node = new TestNode(storageOf({ hardState: { term: 1 } }));
    const heartbeat = newMessage({ type: MessageType.Heartbeat, from: 2n, term: 1, commit: 9 });
    expect(() => node.raw.step(heartbeat)).toThrow('tocommit(9) is out of range [lastIndex(0)]');
    expect(node.lines.at(-1)).toMatch(/^FATAL tocommit\(9\) is out of range/);
  });

  const snapshotOf = (index: number, term: number): Snapshot => ({
    metadata: { confState: { ...emptyConfState, voters: [2n, 10n] }, index, term },
  });
  const followerOf = (init: StorageInit, config: Partial<RaftConfig> = {}): TestNode =>
    new TestNode(storageOf({ voters: [2n, 10n], ...init }), { id: 10n, ...config });
  const leading = (config: Partial<RaftConfig> = {}): TestNode => {
    const node = leaderOf(storageOf({ voters: [2n, 10n] }), { id: 10n, ...config });
    node.settle();
    return node;
  };
  const committed = { entries: '1:1,1', hardState: { term: 1, commit: 1 } };
  const snap = (node: TestNode, snapshot: Snapshot): void =>
    node.step({ type: MessageType.Snap, from: 2n, term: 1, snapshot });

  // Each line is the last one that the call logs. Ids are hexadecimal.
  it.each<[string, () => TestNode, (node: TestNode) => void, string]>([
    [
      'a snapshot whose last entry the log has',
      () => followerOf(committed),
      (node) => snap(node, snapshotOf(2, 1)),
      'INFO a [commit: 1, lastindex: 2, lastterm: 1] fast-forwarded commit to snapshot [index: 2, term: 1]\n' +
        'INFO a [commit: 2] ignored snapshot [index: 2, term: 1]',
    ],
    [
      'an old snapshot',
      () => followerOf(committed),
      (node) => snap(node, snapshotOf(1, 1)),
      'INFO a [commit: 1] ignored snapshot [index: 1, term: 1]',
    ],
    [
      'a snapshot whose membership does not name the node',
      () => new TestNode(storageOf(), { id: 3n }),
      (node) => snap(node, snapshotOf(5, 1)),
      'WARN 3 attempted to restore snapshot but it is not in the ConfState Voters:[2 10] VotersOutgoing:[] ' +
        'Learners:[] LearnersNext:[] AutoLeave:false; should never happen\n' +
        'INFO 3 [commit: 0] ignored snapshot [index: 5, term: 1]',
    ],
    [
      'a snapshot that has arrived',
      () => {
        const node = leading();
        node.progress(2n).becomeSnapshot(4);
        return node;
      },
      (node) => node.raw.reportSnapshot(2n, 'finish'),
      'DEBUG a snapshot succeeded, resumed sending replication messages to 2 [StateProbe match=0 next=5 inactive]',
    ],
    [
      'a snapshot that has not arrived',
      () => {
        const node = leading();
        node.progress(2n).becomeSnapshot(4);
        return node;
      },
      (node) => node.raw.reportSnapshot(2n, 'failure'),
      'DEBUG a snapshot failed, resumed sending replication messages to 2 [StateProbe match=0 next=1 inactive]',
    ],
    [
      'an answer to a read without an entry',
      () => followerOf({ hardState: { term: 1 } }),
      (node) => node.step({ type: MessageType.ReadIndexResp, from: 2n, term: 1 }),
      'ERROR a invalid format of MsgReadIndexResp from 2, entries count: 0',
    ],
    [
      'a transfer without a leader',
      () => followerOf({ hardState: { term: 1 } }),
      (node) => node.raw.transferLeader(2n),
      'INFO a no leader at term 1; dropping leader transfer msg',
    ],
    [
      'a read without a leader',
      () => followerOf({ hardState: { term: 1 } }),
      (node) => node.raw.readIndex(bytesOf('r')),
      'INFO a no leader at term 1; dropping index reading msg',
    ],
    [
      'a proposal that is not forwarded',
      () => followerOf({ hardState: { term: 1 } }, { disableProposalForwarding: true }),
      (node) => {
        node.step({ type: MessageType.Heartbeat, from: 2n, term: 1 });
        expect(() => node.raw.propose(bytesOf('x'))).toThrow('raft proposal dropped');
      },
      'INFO a not forwarding to leader 2 at term 1; dropping proposal',
    ],
    [
      'MsgTimeoutNow at a candidate',
      () => followerOf({}),
      (node) => {
        node.raw.campaign();
        node.step({ type: MessageType.TimeoutNow, from: 2n, term: 1 });
      },
      'DEBUG a [term 1 state StateCandidate] ignored MsgTimeoutNow from 2',
    ],
    [
      'a campaign with an unapplied membership change',
      () => followerOf({ hardState: { term: 1 } }),
      (node) => {
        const entries = [{ index: 1, term: 1, type: EntryType.ConfChangeV2 }];
        node.step({ type: MessageType.App, from: 2n, term: 1, commit: 1, entries });
        node.raw.campaign();
      },
      'WARN a cannot campaign at term 1 since there are still pending configuration changes to apply',
    ],
    [
      'a campaign of the leader',
      () => leading(),
      (node) => node.raw.campaign(),
      'DEBUG a ignoring MsgHup because already leader',
    ],
    [
      'a joint membership that cannot be left yet',
      () => leading(),
      (node) => {
        node.step({ type: MessageType.AppResp, from: 2n, term: 1, index: 1 });
        node.settle();
        node.raw.proposeConfChange({ transition: 1, changes: [{ type: 2, nodeId: 2n }] });
        node.raw.transferLeader(2n);
        node.settle();
        node.step({ type: MessageType.AppResp, from: 2n, term: 1, index: 2 });
        node.settle();
      },
      'DEBUG a [term 1] transfer leadership to 2 is in progress; dropping proposal\n' +
        'DEBUG not initiating automatic transition out of joint configuration ' +
        'voters=(2 a)&&(2 a) autoleave: raft proposal dropped',
    ],
    [
      'a report about an unknown node',
      () => leading(),
      (node) => node.raw.reportUnreachable(11n),
      'DEBUG a no progress available for b',
    ],
  ])('%s', (_name, make, call, expected) => {
    const node = make();
    call(node);
    expect(node.lines.slice(-expected.split('\n').length).join('\n')).toBe(expected);
  });

  it('a node works without a logger', () => {
    const raw = new RawNode({
      id: 1n,
      storage: storageOf(),
      electionTick: 10,
      heartbeatTick: 1,
      maxInflightMsgs: 1,
      random: () => 0,
    });
    raw.campaign();
    expect(raw.basicStatus().raftState).toBe(StateType.Candidate);
  });
});

it('trace events record an election and a membership change, but no pre-votes and proposals', () => {
  const events: TraceEvent[] = [];
  const network = clusterOf(3, { preVote: true, trace: (event) => events.push(event) });
  network.campaign(1n);
  network.node(1n).raw.proposeConfChange({ id: 0n, type: 3, nodeId: 4n });
  network.settle();
  const names = events.filter(({ nid }) => nid === '1').map(({ name }) => name);
  const inOrder = [
    'InitState',
    'ApplyConfChange',
    'BecomeFollower',
    'BecomeCandidate',
    'SendRequestVoteRequest',
    'Ready',
    'BecomeLeader',
    'Replicate',
    'SendAppendEntriesRequest',
    'Commit',
    'ChangeConf',
    'ReceiveAppendEntriesResponse',
  ];
  let from = 0;
  for (const name of inOrder) {
    const at = names.indexOf(name, from);
    expect(at, name).toBeGreaterThanOrEqual(from);
    from = at;
  }
  const sent = events.find(({ name }) => name === 'SendRequestVoteRequest');
  expect(sent).toMatchObject({
    role: 'StateCandidate',
    conf: [['1', '2', '3'], []],
    msg: { type: 'MsgVote', from: '1', to: '2', term: 1 },
  });
  expect(events.filter(({ msg }) => msg?.type.includes('PreVote'))).toEqual([]);
  const changed = events.findLast(({ name }) => name === 'ApplyConfChange');
  const proposed = events.filter(({ name }) => name === 'ChangeConf').map(({ prop }) => prop);
  expect(proposed).toEqual([{ cc: { changes: [{ nid: '4', action: 'AddLearner' }] } }]);
  // A change without operations has no event.
  network.node(1n).raw.proposeConfChange({ id: 0n, type: 2, nodeId: 4n });
  expect(events.filter(({ name }) => name === 'ChangeConf').length).toBe(1);
  expect(changed?.prop).toEqual({ cc: { newconf: ['1', '2', '3', '4'] } });
});
