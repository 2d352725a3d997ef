/**
 * Changes of the membership at the leader: what is refused before it is proposed, and how each
 * ends.
 */
import { emptyConfState, EntryType, type Entry } from '@babuza/raftpb';
import { SimulatedClock } from '@babuza/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { entryOverheadBytes } from '../src/proposals/envelope.ts';
import { firstMembership, type MembershipOperation } from '../src/membership/membership.ts';
import {
  MembershipChanges,
  type MembershipChangeParts,
} from '../src/membership/membership-changes.ts';
import { ReplicatedState } from '../src/apply/replicated-state.ts';
import { PlainSessions } from './support.ts';

interface Progress {
  readonly match: number;
  readonly recentActive: boolean;
}

let clock: SimulatedClock;
let state: ReplicatedState;
let progress: Map<bigint, Progress>;
let leaderId: bigint | undefined;
let proposed: unknown[];
let placed: (entry: Entry) => void;
let onStop: ((cause: never) => void)[];

const entryBytesMax = 1024;
const electionTicks = 10;

beforeEach(() => {
  clock = new SimulatedClock();
  state = new ReplicatedState(new PlainSessions());
  state.membership = firstMembership([
    { id: 1n, address: 'address-1' },
    { id: 2n, address: 'address-2' },
    { id: 3n, address: 'address-3' },
    { id: 9n, address: 'address-9', role: 'learner' },
  ]);
  state.confState = { ...emptyConfState, voters: [1n, 2n, 3n], learners: [9n] };
  progress = new Map([1n, 2n, 3n, 9n].map((id) => [id, { match: 100, recentActive: true }]));
  [leaderId, proposed, onStop] = [1n, [], []];
});

function newChanges(checkAddress?: (address: string) => void): MembershipChanges {
  const parts: Partial<MembershipChangeParts> = {
    nodeId: 1n,
    state,
    proposals: {
      placed: (give: (node: unknown) => unknown) => {
        give({ proposeConfChange: (change: unknown) => void proposed.push(change) });
        return new Promise((resolve) => {
          placed = (entry) => resolve({ entry, outcome: { kind: 'membership' } });
        });
      },
    } as never,
    learnerReadyShare: 0.9,
    electionTicks,
    tickMs: 100,
    clock,
    onStop: (call) => {
      onStop.push(call);
      return () => void onStop.splice(onStop.indexOf(call), 1);
    },
    entryBytesMax,
    transport: (checkAddress === undefined ? {} : { checkAddress }) as never,
    leader: () => (leaderId === undefined ? undefined : { id: leaderId, address: undefined }),
    core: { run: (give) => give({ status: () => ({ progress }) } as never) },
  };
  return new MembershipChanges(parts as MembershipChangeParts);
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
};

/** How it ended, as soon as it did. */
function noted(promise: Promise<unknown>): { end: unknown } {
  const note: { end: unknown } = { end: undefined };
  promise.then(
    () => (note.end = 'done'),
    (error: unknown) => (note.end = Reflect.get(Object(error), 'code') ?? String(error)),
  );
  return note;
}

const changed: Entry = { index: 101, term: 1, type: EntryType.ConfChangeV2 };
const emptied: Entry = { index: 101, term: 1, type: EntryType.Normal };
const service = (name: string, address?: string): MembershipOperation =>
  address === undefined
    ? { op: 'service', id: 1n, name }
    : { op: 'service', id: 1n, name, address };
const promotion: MembershipOperation = { op: 'set', id: 9n, role: 'voter' };
const removal = (id: bigint): MembershipOperation => ({ op: 'remove', id });
const joint = { ...emptyConfState, voters: [1n, 2n], votersOutgoing: [1n, 2n, 3n] };

describe('a change', () => {
  it('ends when its entry was applied', async () => {
    const note = noted(newChanges().change([service('http')]));
    await turns();
    expect([note.end, proposed.length]).toEqual([undefined, 1]);
    placed(changed);
    await turns();
    expect(note.end).toBe('done');
  });

  it('that the core has put an empty entry in the place of was not made', async () => {
    const note = noted(newChanges().change([service('http')]));
    placed(emptied);
    await turns();
    expect(note.end).toBe('RAFT_CONF_CHANGE_REFUSED');
  });

  it.each([undefined, 2n])('is not proposed where %s leads', async (id) => {
    leaderId = id;
    const note = noted(newChanges().change([service('http')]));
    await turns();
    expect([note.end, proposed]).toEqual(['RAFT_NOT_LEADER', []]);
  });

  it('of nothing is refused', async () => {
    const note = noted(newChanges().change([]));
    await turns();
    expect([note.end, proposed]).toEqual(['RAFT_CONF_CHANGE_REFUSED', []]);
  });

  it('is as large as an entry may be, with what the entry adds, and no larger', async () => {
    const changes = newChanges();
    const ends: [number, unknown][] = [];
    for (let length = entryBytesMax - 200; length < entryBytesMax; length += 1) {
      const note = noted(changes.change([service('http', 'a'.repeat(length))]));
      await turns();
      ends.push([length, note.end]);
    }
    const last = ends.filter(([, end]) => end === undefined).at(-1)?.[0] ?? 0;
    expect(ends.filter(([length, end]) => (end === undefined) !== length <= last)).toEqual([]);
    const context = (proposed.at(-1) as { context: Uint8Array }).context.length;
    const { encodeConfChangeV2 } = await import('@babuza/raftpb');
    const bytes = encodeConfChangeV2(proposed.at(-1) as never).length;
    expect([bytes, context < bytes]).toEqual([entryBytesMax - entryOverheadBytes, true]);
  });
});

describe('a check before a change', () => {
  const refusal = (call: () => void): unknown => {
    try {
      call();
      return 'none';
    } catch (error) {
      return Reflect.get(Object(error), 'code') ?? String(error);
    }
  };
  const aborted = AbortSignal.abort(new Error('enough'));

  it('throws what the change would be refused with, and proposes nothing', () => {
    const changes = newChanges();
    const unknown = { op: 'unknown', id: 1n } as never;
    expect([
      refusal(() => changes.check([service('http')], {})),
      refusal(() => changes.check([], {})),
      refusal(() => changes.check([unknown], {})),
      refusal(() => changes.check([removal(77n)], {})),
      refusal(() => changes.check([service('http')], { signal: aborted })),
    ]).toEqual([
      'none',
      'RAFT_CONF_CHANGE_REFUSED',
      'RAFT_CONF_CHANGE_REFUSED',
      'RAFT_CONF_CHANGE_REFUSED',
      'Error: enough',
    ]);
    progress.set(9n, { match: 1, recentActive: true });
    expect(refusal(() => changes.check([promotion], {}))).toBe('RAFT_LEARNER_NOT_READY');
    expect(refusal(() => changes.check([promotion], { force: true }))).toBe('none');
    leaderId = 2n;
    expect(refusal(() => changes.check([service('http')], {}))).toBe('RAFT_NOT_LEADER');
    expect(proposed).toEqual([]);
  });

  it('is made by the change as well: a signal that has fired comes first', async () => {
    leaderId = 2n;
    const note = noted(newChanges().change([service('http')], { signal: aborted }));
    await turns();
    expect([note.end, proposed]).toEqual(['Error: enough', []]);
  });
});

describe('the address of a member', () => {
  const refuseAll = (address: string): void => {
    throw new Error(`no port in ${address}`);
  };

  it.each<[string, MembershipOperation, string | undefined]>([
    ['a member that is added', { op: 'set', id: 4n, role: 'learner', address: 'four' }, 'four'],
    ['a member that moves', { op: 'address', id: 2n, address: 'two' }, 'two'],
    ['a member that keeps its address', promotion, undefined],
    ['a service', service('http', 'eight'), undefined],
  ])('is one that the transport can use: %s', async (_, operation, address) => {
    const changing = newChanges(refuseAll).change([operation]);
    const end = await Promise.race([changing.catch((error: Error) => error), turns()]);
    expect(proposed).toHaveLength(address === undefined ? 1 : 0);
    if (address === undefined) return;
    expect(end).toMatchObject({
      code: 'RAFT_INVALID',
      message: `the address of member ${operation.id} cannot be used: no port in ${address}`,
      cause: { message: `no port in ${address}` },
    });
  });
});

describe('the promotion of a learner', () => {
  it.each([
    [89, 'RAFT_LEARNER_NOT_READY'],
    [90, undefined],
    [91, undefined],
  ])('needs a log up to 90 of 100: %i', async (match, expected) => {
    progress.set(9n, { match, recentActive: true });
    const note = noted(newChanges().change([promotion]));
    await turns();
    expect([note.end, proposed.length]).toEqual([expected, expected === undefined ? 1 : 0]);
  });

  it('is refused where nothing is known of its log, in figures', async () => {
    progress.delete(9n);
    await expect(newChanges().change([promotion])).rejects.toThrow(
      'learner 9 has the log up to 0, this leader up to 100; it may be promoted from 90 % on',
    );
  });

  it('does not need this leader to be a member still', async () => {
    progress.delete(1n);
    noted(newChanges().change([promotion]));
    await turns();
    expect(proposed).toHaveLength(1);
  });

  it('needs some log, also where the leader has none', async () => {
    progress.set(1n, { match: 0, recentActive: true });
    progress.set(9n, { match: 0, recentActive: true });
    const note = noted(newChanges().change([promotion]));
    await turns();
    expect(note.end).toBe('RAFT_LEARNER_NOT_READY');
  });
});

describe('the promotion of a learner in a log with one entry', () => {
  it('is made where the learner has that entry', async () => {
    progress.set(1n, { match: 1, recentActive: true });
    progress.set(9n, { match: 1, recentActive: true });
    noted(newChanges().change([promotion]));
    await turns();
    expect(proposed).toHaveLength(1);
  });

  it('is refused in figures where nothing is known of either log', async () => {
    progress.delete(1n);
    progress.delete(9n);
    await expect(newChanges().change([promotion])).rejects.toThrow(
      'learner 9 has the log up to 0, this leader up to 0; it may be promoted from 90 % on',
    );
  });
});

describe('the quorum after a change', () => {
  it('is that of the voters that have answered lately', async () => {
    progress.set(3n, { match: 100, recentActive: false });
    // Only this node answers, and voter 3 does not.
    const note = noted(newChanges().change([removal(2n)]));
    await turns();
    expect([note.end, proposed]).toEqual([undefined, []]);
    await clock.advance((electionTicks - 1) * 100);
    expect(note.end).toBeUndefined();
    await clock.advance(100);
    expect([note.end, proposed, clock.pendingCount]).toEqual(['RAFT_CONF_CHANGE_REFUSED', [], 0]);
  });

  it('does not count a voter that was added and has not answered', async () => {
    progress.set(3n, { match: 0, recentActive: true });
    const note = noted(newChanges().change([removal(2n)]));
    await clock.advance(electionTicks * 100);
    expect([note.end, proposed]).toEqual(['RAFT_CONF_CHANGE_REFUSED', []]);
  });

  it('counts a voter that has acknowledged the first entry', async () => {
    progress.set(3n, { match: 1, recentActive: true });
    noted(newChanges().change([removal(2n)]));
    await turns();
    expect(proposed).toHaveLength(1);
  });

  it('is there as soon as a voter answers again', async () => {
    progress.set(3n, { match: 100, recentActive: false });
    noted(newChanges().change([removal(2n)]));
    await clock.advance(300);
    progress.set(3n, { match: 100, recentActive: true });
    await clock.advance(100);
    expect(proposed).toHaveLength(1);
  });

  it('does not count a voter that the core does not know', async () => {
    progress.delete(3n);
    const note = noted(newChanges().change([removal(2n)]));
    await clock.advance(electionTicks * 100);
    expect([note.end, proposed]).toEqual(['RAFT_CONF_CHANGE_REFUSED', []]);
  });

  it('is not asked for where the change is forced', async () => {
    progress.set(3n, { match: 0, recentActive: false });
    noted(newChanges().change([removal(2n)], { force: true }));
    await turns();
    expect(proposed).toHaveLength(1);
  });

  it('is waited for no longer than this node leads, the signal lets it, and the node runs', async () => {
    progress.set(3n, { match: 100, recentActive: false });
    const control = new AbortController();
    const changes = newChanges();
    const aborted = noted(changes.change([removal(2n)], { signal: control.signal }));
    control.abort(new Error('enough'));
    const stopped = noted(changes.change([removal(2n)]));
    for (const call of onStop) call(new Error('the end') as never);
    const deposed = noted(changes.change([removal(2n)]));
    leaderId = 2n;
    await clock.advance(100);
    expect([aborted.end, stopped.end, deposed.end]).toEqual([
      'Error: enough',
      'Error: the end',
      'RAFT_NOT_LEADER',
    ]);
    expect([clock.pendingCount, onStop.length, proposed]).toEqual([0, 0, []]);
  });
});

describe('a change that needs joint consensus', () => {
  /** Changes whose entries were applied, and which wait for the end of joint consensus. */
  async function entered(
    changes: MembershipChanges,
    count: number,
    signal?: AbortSignal,
  ): Promise<{ end: unknown }[]> {
    const notes: { end: unknown }[] = [];
    for (let at = 0; at < count; at += 1) {
      notes.push(
        noted(changes.change([service('http')], { signal: at === 0 ? signal : undefined })),
      );
      await turns();
      state.confState = joint;
      placed(changed);
      await turns();
    }
    return notes;
  }

  it('ends with its entry where the core has reported no configuration', async () => {
    const note = noted(newChanges().change([service('http')]));
    await turns();
    state.confState = undefined;
    placed(changed);
    await turns();
    expect(note.end).toBe('done');
  });

  it('ends when that was left, and not before', async () => {
    const changes = newChanges();
    const notes = await entered(changes, 2);
    changes.applied();
    await turns();
    expect(notes.map(({ end }) => end)).toEqual([undefined, undefined]);
    state.confState = { ...emptyConfState, voters: [1n, 2n] };
    changes.applied();
    await turns();
    expect(notes.map(({ end }) => end)).toEqual(['done', 'done']);
  });

  it('keeps waiting where another caller leaves', async () => {
    const changes = newChanges();
    const control = new AbortController();
    const notes = await entered(changes, 2, control.signal);
    control.abort(new Error('enough'));
    await turns();
    expect(notes.map(({ end }) => end)).toEqual(['Error: enough', undefined]);
    state.confState = { ...emptyConfState, voters: [1n, 2n] };
    changes.applied();
    await turns();
    expect(notes[1]?.end).toBe('done');
  });

  it('is told of the end, also of one that came as its entry was applied', async () => {
    const changes = newChanges();
    const [waits] = await entered(changes, 1);
    const late = noted(changes.change([service('http')]));
    await turns();
    placed(changed);
    changes.stop(new Error('the end'));
    await turns();
    expect([waits?.end, late.end]).toEqual(['Error: the end', 'Error: the end']);
  });
});
