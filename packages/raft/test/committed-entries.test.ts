/**
 * Committed entries one by one: what takes effect, in which order, and what it says to whom waits.
 */
import {
  ConfChangeTransition,
  ConfChangeType,
  emptyConfState,
  encodeConfChange,
  encodeConfChangeV2,
  EntryType,
  type ConfChangeV2,
  type ConfState,
  type Entry,
} from '@babuza/raftpb';
import { beforeEach, describe, expect, it } from 'vitest';
import { CommittedEntries, type EntryParts } from '../src/apply/committed-entries.ts';
import { encodeEnvelope, EnvelopeKind } from '../src/proposals/envelope.ts';
import { RaftError } from '../src/errors.ts';
import { encodeIdentityEntry } from '../src/identity/identity-entries.ts';
import type { AppliedEntry } from '../src/index.ts';
import {
  coreChanges,
  firstMembership,
  type MembershipOperation,
} from '../src/membership/membership.ts';
import { encodeOperations } from '../src/membership/membership-codec.ts';
import type { Outcome } from '../src/proposals/outcome.ts';
import { ReplicatedState } from '../src/apply/replicated-state.ts';
import { bytesOf, newGate, PlainSessions, textOf } from './support.ts';

let state: ReplicatedState;
/** The events in their order. */
let log: string[];
let outcomes: Map<number, Outcome>;
let answer: (entries: readonly AppliedEntry[]) => unknown;
let syncCommit: () => Promise<void>;
let applyToCore: EntryParts<unknown, unknown>['applyToCore'];
let changes: ConfChangeV2[];
let unreadable: RaftError[];

function newEntries(machineAppliedIndex = 0): CommittedEntries<unknown, unknown> {
  const stateMachine = {
    kind: 'memory',
    apply: async (entries: readonly AppliedEntry[]) => {
      log.push(`machine ${entries.map(({ data }) => textOf(data)).join('')}`);
      return answer(entries);
    },
  };
  return new CommittedEntries({
    state,
    stateMachine: stateMachine as never,
    machineAppliedIndex,
    syncCommit: () => syncCommit(),
    applyToCore: (change, index) => {
      changes.push(change);
      return applyToCore(change, index);
    },
    onOutcome: ({ index }, _, outcome) => {
      log.push(`${index} at ${state.appliedIndex} of term ${state.appliedTerm}`);
      outcomes.set(index, outcome);
    },
    onMembership: (operations) => log.push(`membership ${operations.length}`),
    onIdentity: ({ logIds }) => log.push(`identity of ${logIds?.size} logs`),
    onUnreadable: (_, error) => void unreadable.push(error),
  });
}

beforeEach(() => {
  state = new ReplicatedState(new PlainSessions());
  state.membership = firstMembership([{ id: 1n, address: 'address-1' }]);
  state.confState = { ...emptyConfState, voters: [1n] };
  [log, changes, unreadable, outcomes] = [[], [], [], new Map()];
  answer = (entries) => entries.map(({ data }) => bytesOf(`${textOf(data)}!`));
  syncCommit = async () => void log.push('commit is durable');
  applyToCore = () => ({ ...emptyConfState, voters: [1n, 2n] });
});

const entryOf = (index: number, data?: Uint8Array, type: EntryType = EntryType.Normal): Entry => ({
  index,
  term: 2,
  type,
  ...(data === undefined ? {} : { data }),
});

function proposal(index: number, text: string, sequence?: number, proposedAtMs = 0): Entry {
  const session =
    sequence === undefined ? undefined : { sessionId: 1, sequence, lowestUnanswered: 1 };
  const kind = EnvelopeKind.Payload;
  return entryOf(index, encodeEnvelope({ kind, proposedAtMs, session, payload: bytesOf(text) }));
}

const registration = (index: number): Entry =>
  entryOf(
    index,
    encodeEnvelope({ kind: EnvelopeKind.RegisterSession, proposedAtMs: 0, payload: bytesOf('') }),
  );

/** The end of a session; `undefined`: of none, which no release proposes. */
function ending(index: number, sessionId: number | undefined): Entry {
  const session =
    sessionId === undefined ? undefined : { sessionId, sequence: 0, lowestUnanswered: 0 };
  const kind = EnvelopeKind.UnregisterSession;
  return entryOf(index, encodeEnvelope({ kind, proposedAtMs: 0, session, payload: bytesOf('') }));
}

function change(index: number, ...operations: MembershipOperation[]): Entry {
  const data = encodeConfChangeV2({
    transition: ConfChangeTransition.Auto,
    changes: coreChanges(operations),
    context: encodeOperations(operations),
  });
  return entryOf(index, data, EntryType.ConfChangeV2);
}

const learner: MembershipOperation = { op: 'set', id: 2n, role: 'learner', address: 'address-2' };

const resultOf = (index: number): string => {
  const outcome = outcomes.get(index);
  if (outcome?.kind !== 'applied') return String(outcome?.kind);
  return outcome.resultLost ? 'lost' : textOf(outcome.result);
};

describe('an entry that the state covers', () => {
  it('is not applied again: below and at the applied index, and the one above is', async () => {
    state.appliedIndex = 5;
    await newEntries().apply([4, 5, 6].map((index) => proposal(index, `${index}`)));
    expect(log).toEqual(['machine 6', '6 at 6 of term 2']);
  });

  it('is given to a machine on disk no more, whose results are those of the rest', async () => {
    await newEntries(3).apply([2, 3, 4, 5].map((index) => proposal(index, `${index}`)));
    expect(log[0]).toBe('machine 45');
    expect([2, 3, 4, 5].map(resultOf)).toEqual(['lost', 'lost', '4!', '5!']);
    expect(outcomes.get(3)).toEqual({ kind: 'applied', result: undefined, resultLost: true });
  });

  it('does not reach a machine on disk that has it already, alone or with others', async () => {
    await newEntries(3).apply([2, 3].map((index) => proposal(index, `${index}`)));
    expect(log).toEqual(['2 at 2 of term 2', '3 at 3 of term 2']);
  });

  it('is remembered in its session as one whose result is lost', async () => {
    const recorded: unknown[] = [];
    state.sessions.register(1, 0);
    state.sessions.record = (...given) => void recorded.push(given.slice(1));
    await newEntries(3).apply([proposal(3, 'a', 1), proposal(4, 'b', 2)]);
    expect(recorded).toEqual([
      [undefined, true],
      [bytesOf('b!'), false],
    ]);
  });
});

describe('an entry that cannot be read', () => {
  const garbage = bytesOf('\u0007 this is not an envelope');

  it('counts as applied and is refused to its caller, also where no entry follows it', async () => {
    await newEntries().apply([proposal(1, 'a'), entryOf(2, garbage)]);
    expect(log).toEqual(['machine a', '1 at 1 of term 2', '2 at 2 of term 2']);
    expect(outcomes.get(2)).toEqual({ kind: 'refused', error: unreadable[0] });
    expect(unreadable).toMatchObject([{ code: 'RAFT_STATE_UNREADABLE' }]);
  });

  it('is reported with RAFT_STATE_UNREADABLE and its cause where its bytes are not a change', async () => {
    await newEntries().apply([entryOf(1, garbage, EntryType.ConfChangeV2)]);
    expect(unreadable).toMatchObject([{ code: 'RAFT_STATE_UNREADABLE', cause: expect.any(Error) }]);
    expect(outcomes.get(1)).toMatchObject({
      kind: 'refused',
      error: { code: 'RAFT_CONF_CHANGE_REFUSED', cause: unreadable[0] },
    });
  });
});

describe('entries that follow each other', () => {
  it('reach the machine as one call', async () => {
    await newEntries().apply([proposal(1, 'a'), proposal(2, 'b')]);
    expect(log).toEqual(['machine ab', '1 at 1 of term 2', '2 at 2 of term 2']);
  });

  it.each([
    ['an entry without effect', () => entryOf(2)],
    ['the opening of a session', () => registration(2)],
    ['a change of the membership', () => change(2, learner)],
  ])('are applied before %s between them', async (_, between) => {
    await newEntries().apply([proposal(1, 'a'), between(), proposal(3, 'b')]);
    const order = log.filter((line) => /^(machine|\d)/.test(line));
    expect(order).toEqual([
      'machine a',
      '1 at 1 of term 2',
      '2 at 2 of term 2',
      'machine b',
      '3 at 3 of term 2',
    ]);
    expect([state.appliedIndex, state.appliedTerm]).toEqual([3, 2]);
  });

  it('of a session are each judged with the result of the one before', async () => {
    state.sessions.register(1, 0);
    await newEntries().apply([proposal(1, 'a', 1), proposal(2, 'a', 1), proposal(3, 'b', 2)]);
    expect(log.filter((line) => line.startsWith('machine'))).toEqual(['machine a', 'machine b']);
    expect([1, 2, 3].map(resultOf)).toEqual(['a!', 'a!', 'b!']);
  });

  it('and a duplicate behind them has its turn behind them', async () => {
    state.sessions.register(1, 0);
    const entries = newEntries();
    await entries.apply([proposal(1, 'a', 1)]);
    await entries.apply([proposal(2, 'b'), proposal(3, 'a', 1), proposal(4, 'c')]);
    expect(log).toEqual([
      'machine a',
      '1 at 1 of term 2',
      'machine b',
      '2 at 2 of term 2',
      '3 at 3 of term 2',
      'machine c',
      '4 at 4 of term 2',
    ]);
    expect(entries.sessionCounts).toEqual({ open: 1, duplicates: 1, refused: 0 });
  });

  it('of a session share a call with others when those before them have their results', async () => {
    state.sessions.register(1, 0);
    const entries = newEntries();
    await entries.apply([proposal(1, 'a', 1)]);
    await entries.apply([proposal(2, 'b'), proposal(3, 'c', 2), proposal(4, 'd')]);
    expect(log.filter((line) => line.startsWith('machine'))).toEqual(['machine a', 'machine bcd']);
  });

  it('carry the time of the log, which never goes back', async () => {
    const times: number[] = [];
    answer = (entries) => {
      times.push(...entries.map(({ timeMs }) => timeMs));
      return entries.map(() => undefined);
    };
    await newEntries().apply([
      proposal(1, 'a', undefined, 50),
      proposal(2, 'b', undefined, 40),
      proposal(3, 'c', undefined, 60),
    ]);
    expect([times, state.timeMs]).toEqual([[50, 50, 60], 60]);
  });
});

describe('what a machine answers', () => {
  it.each([
    ['one result too few', () => [bytesOf('a')]],
    ['one result too many', () => [1, 2, 3].map(() => bytesOf('a'))],
    ['a text', () => ['a', 'b']],
    ['a text beside bytes', () => [bytesOf('a'), 'b']],
    ['nothing', () => undefined],
  ])('stops the node where it is %s, and nothing counts as applied', async (_, given) => {
    answer = given;
    await expect(newEntries().apply([proposal(1, 'a'), proposal(2, 'b')])).rejects.toMatchObject({
      code: 'RAFT_STATE_MACHINE_FAILED',
    });
    expect([state.appliedIndex, outcomes.size]).toEqual([0, 0]);
  });

  it.each([
    ['two texts', () => ['a', 'b'], 'must return 2 results, each bytes or undefined; got 2: a, b'],
    ['no list', () => 'ab', 'must return 2 results, each bytes or undefined; got string'],
  ])('is told where it is %s, with the entries', async (_, given, expected) => {
    answer = given;
    const applying = newEntries(6).apply([6, 7, 8].map((index) => proposal(index, 'a')));
    await expect(applying).rejects.toThrow(`apply of entries 7 to 8 ${expected}`);
  });

  it('is the cause of the error where it throws', async () => {
    const broken = new Error('no memory');
    answer = () => {
      throw broken;
    };
    const applying = newEntries().apply([proposal(7, 'a'), proposal(8, 'b')]);
    await expect(applying).rejects.toMatchObject({
      code: 'RAFT_STATE_MACHINE_FAILED',
      message: 'apply of entries 7 to 8 failed',
      cause: broken,
    });
  });

  it('may be nothing for an entry', async () => {
    answer = () => [undefined, bytesOf('b')];
    await newEntries().apply([proposal(1, 'a'), proposal(2, 'b')]);
    expect([1, 2].map(resultOf)).toEqual(['', 'b']);
  });
});

describe('a change of the membership', () => {
  it('takes effect when it is durable that it is committed, and not before', async () => {
    const gate = newGate();
    syncCommit = () => gate.passed;
    const applying = newEntries().apply([change(2, learner)]);
    await Promise.resolve();
    expect([changes, state.membership.members.size]).toEqual([[], 1]);
    gate.open();
    await applying;
    expect([changes.length, state.membership.members.size]).toEqual([1, 2]);
    expect(state.confState?.voters).toEqual([1n, 2n]);
  });

  it('does not take effect where that cannot be made durable', async () => {
    syncCommit = () => Promise.reject(new Error('the log has failed'));
    await expect(newEntries().apply([change(2, learner)])).rejects.toThrow('the log has failed');
    expect([changes, state.membership.members.size, state.appliedIndex]).toEqual([[], 1, 0]);
  });

  it('in the older format of the entry takes effect as well', async () => {
    const data = encodeConfChange({
      id: 0n,
      type: ConfChangeType.AddLearnerNode,
      nodeId: 2n,
      context: encodeOperations([learner]),
    });
    await newEntries().apply([entryOf(2, data, EntryType.ConfChange)]);
    expect(changes[0]?.changes).toEqual([{ type: ConfChangeType.AddLearnerNode, nodeId: 2n }]);
    expect(state.membership.members.get(2n)?.role).toBe('learner');
    expect(outcomes.get(2)).toEqual({ kind: 'membership' });
  });

  it('without content, as a core proposes it to leave a joint membership, reaches the core', async () => {
    const before = state.membership;
    await newEntries().apply([entryOf(2, undefined, EntryType.ConfChangeV2)]);
    expect(changes.map((one) => one.changes)).toEqual([[]]);
    expect(outcomes.get(2)).toEqual({ kind: 'membership' });
    expect(state.membership).toBe(before);
    expect(log).not.toContain('membership 0');
  });

  it('that a snapshot covers leaves what the core has', async () => {
    const before: ConfState | undefined = state.confState;
    applyToCore = () => undefined;
    await newEntries().apply([change(2, learner)]);
    expect(state.confState).toBe(before);
  });

  it('that replicas refuse reaches the core as one of nobody, and changes nothing', async () => {
    const removed: MembershipOperation = { op: 'remove', id: 1n };
    await newEntries().apply([change(2, removed)]);
    expect(changes.map((one) => one.changes.map(({ nodeId }) => nodeId))).toEqual([[0n]]);
    expect([...state.membership.members.keys()]).toEqual([1n]);
    expect(outcomes.get(2)).toMatchObject({
      kind: 'refused',
      error: { code: 'RAFT_CONF_CHANGE_REFUSED' },
    });
    expect(log).not.toContain('membership 1');
  });
});

describe('a change of the membership that the core cannot make', () => {
  const impossible = new RaftError('RAFT_CONF_CHANGE_REFUSED', 'no core can make this change');
  const other: MembershipOperation = { op: 'set', id: 2n, role: 'learner', address: 'address-2' };

  it('has no effect, and counts as applied', async () => {
    const before = { membership: state.membership, confState: state.confState };
    applyToCore = () => impossible;
    await newEntries().apply([change(2, other)]);
    expect(state).toMatchObject({ ...before, appliedIndex: 2 });
    expect(changes).toHaveLength(2);
    expect(changes[1]?.changes.map(({ nodeId }) => nodeId)).toEqual([0n]);
    expect(outcomes.get(2)).toEqual({ kind: 'refused', error: impossible });
    expect(log).not.toContain('membership 1');
  });
});

describe('the entries of a session', () => {
  it('end it once, and its proposals are refused from then on', async () => {
    state.sessions.register(1, 0);
    const entries = newEntries();
    await entries.apply([proposal(2, 'a', 1), ending(3, 1), ending(4, 1), proposal(5, 'b', 2)]);
    expect([outcomes.get(3), outcomes.get(4)]).toEqual([
      { kind: 'session', ended: true },
      { kind: 'session', ended: false },
    ]);
    expect(outcomes.get(5)).toMatchObject({
      kind: 'refused',
      error: { code: 'RAFT_SESSION_EXPIRED' },
    });
    expect(entries.sessionCounts).toEqual({ open: 0, duplicates: 0, refused: 1 });
    expect(log.filter((line) => line.startsWith('machine'))).toEqual(['machine a']);
  });

  it('end none where they name none, and the session manager is asked for a number all the same', async () => {
    state.sessions.register(1, 0);
    const asked: unknown[] = [];
    const unregister = state.sessions.unregister.bind(state.sessions);
    state.sessions.unregister = (...given) => {
      asked.push(given[0]);
      return unregister(...given);
    };
    await newEntries().apply([ending(2, undefined)]);
    expect(outcomes.get(2)).toEqual({ kind: 'session', ended: false });
    expect([asked, state.sessions.count]).toEqual([[0], 1]);
  });
});

describe('an entry about identities', () => {
  it('binds members to their logs, and is told and answered in its turn', async () => {
    const payload = encodeIdentityEntry({ logIds: new Map([[1n, 'a'.repeat(32)]]) });
    const kind = EnvelopeKind.Identity;
    const entry = entryOf(2, encodeEnvelope({ kind, proposedAtMs: 0, payload }));
    await newEntries().apply([proposal(1, 'a'), entry, proposal(3, 'b')]);
    expect([...state.membership.logIds]).toEqual([[1n, 'a'.repeat(32)]]);
    expect(outcomes.get(2)).toEqual({ kind: 'identity' });
    expect(log).toEqual([
      'machine a',
      '1 at 1 of term 2',
      'identity of 1 logs',
      '2 at 2 of term 2',
      'machine b',
      '3 at 3 of term 2',
    ]);
  });
});
