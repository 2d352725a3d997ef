/** Reports about refused members: a node that can connect can make up its id and its problem. */
import { SimulatedClock } from '@babuza/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import type { RaftEvent } from '../../src/events.ts';
import { IdentityKeeper } from '../../src/identity/identity-keeper.ts';
import { MemberAdmission } from '../../src/identity/member-admission.ts';
import { ReportLimit } from '../../src/identity/report-limit.ts';
import { ToldProblems } from '../../src/identity/told-problems.ts';
import { firstMembership } from '../../src/membership/membership.ts';
import { ReplicatedState } from '../../src/apply/replicated-state.ts';
import { PlainSessions } from '../support.ts';

const hex = (number: number): string => number.toString(16).padStart(32, '0');
const minuteMs = 60_000;

let clock: SimulatedClock;
let lines: { message: string; leftOut: unknown }[];
let events: (RaftEvent & { type: 'member-refused' })[];
let problems: ToldProblems;
let admission: MemberAdmission;

const ignore = (): void => undefined;

beforeEach(() => {
  clock = new SimulatedClock();
  lines = [];
  events = [];
  const logger = {
    debug: ignore,
    info: ignore,
    error: ignore,
    warn: (message: string, fields?: Readonly<Record<string, unknown>>): void =>
      void lines.push({ message, leftOut: fields?.['leftOut'] }),
  };
  const tell = (event: RaftEvent): void => {
    if (event.type === 'member-refused') events.push(event);
  };
  const isMember = (id: bigint): boolean => id < 10n;
  problems = new ToldProblems({ clock, logger, tell, isMember, limit: new ReportLimit(clock) });
  const state = new ReplicatedState(new PlainSessions());
  state.membership = firstMembership([1n, 2n, 3n].map((id) => ({ id, address: `${id}` })));
  const record = {
    logId: hex(1),
    cluster: { origin: hex(10), birth: hex(11), previous: [] },
    startCount: 1,
    committedIndex: 0,
    members: new Map([[2n, { logId: hex(2), startCount: 5, run: 22, durableIndex: 4 }]]),
  };
  const write = async (): Promise<void> => undefined;
  const keeper = new IdentityKeeper({ record, run: 11, write, clock, logger: undefined });
  const log = { firstIndex: () => 1, lastIndex: () => 0, term: () => 0, entries: () => [] };
  admission = new MemberAdmission({
    nodeId: 1n,
    keeper,
    state,
    storage: log as never,
    clock,
    logger,
    tell,
    commitIndex: () => 0,
    matchIndex: () => 0,
    onAdmitted: ignore,
  });
});

const introduced = (change: object, id = 2n): string | undefined => {
  const cluster = { origin: hex(10), birth: hex(11) };
  const counts = { startCount: 6, run: 23, lastIndex: 9, commitIndex: 0, marks: [] };
  return admission.admit(id, JSON.stringify({ ...cluster, logId: hex(2), ...counts, ...change }));
};

describe('a member that is refused for one reason', () => {
  it.each<[string, (at: number) => object]>([
    ['origin', (at) => ({ origin: hex(at + 100) })],
    ['birth', (at) => ({ birth: hex(at + 100) })],
    ['log', (at) => ({ logId: hex(at + 100) })],
    ['count of starts below the one before', (at) => ({ startCount: at % 5 })],
    ['start of the same count', (at) => ({ startCount: 5, run: at + 100 })],
    ['last index below the one that it had acknowledged', (at) => ({ lastIndex: at % 4 })],
  ])('is reported once, even with another %s each time', (_, change) => {
    for (let at = 0; at < 50; at += 1) expect(introduced(change(at))).toBe('other-cluster');
    expect([lines.length, events.length]).toEqual([1, 1]);
  });

  it('is told once for each of two reasons that take turns', () => {
    for (let at = 0; at < 50; at += 1) introduced(at % 2 === 0 ? { origin: hex(99) } : { run: -1 });
    expect([lines.length, events.length]).toEqual([2, 2]);
  });

  it('is reported in printable text, whatever it claims', () => {
    const text = 'a\n\u001b[2J\u202e\u2028';
    for (const name of ['origin', 'birth', 'logId', 'startCount', 'run', 'lastIndex', 'marks']) {
      expect(introduced({ [name]: text }, 3n)).toBe('other-cluster');
      expect(introduced({ [name]: `${hex(3)}${text}` }, 4n)).toBe('other-cluster');
    }
    const told = [...lines, ...events].map(({ message }) => message).join('');
    expect(told).toContain('does not introduce itself');
    expect(told).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  });
});

describe('reports of made-up members', () => {
  it('are ten within any minute, and the next one says how many were left out', async () => {
    for (let id = 0; id < 1500; id += 1) introduced({ origin: hex(id + 100) }, BigInt(1000 + id));
    expect([lines.length, events.length]).toEqual([10, 10]);
    await clock.advance(minuteMs - 1);
    introduced({ origin: hex(7) }, 5000n);
    expect([lines.length, events.length]).toEqual([10, 10]);
    await clock.advance(1);
    introduced({ origin: hex(7) }, 5001n);
    expect([lines.length, events.length]).toEqual([11, 11]);
    expect([lines.at(-1)?.leftOut, events.at(-1)?.leftOut]).toEqual([1491, 1491]);
    introduced({ origin: hex(7) }, 5002n);
    expect([lines.at(-1)?.leftOut, events.at(-1)?.leftOut]).toEqual([0, 0]);
  });

  it('leave room for the report of a member', () => {
    for (let id = 0; id < 1500; id += 1) introduced({ origin: hex(id + 100) }, BigInt(1000 + id));
    introduced({ origin: hex(7) });
    expect(lines.at(-1)?.message).toMatch(/^member 2 is refused/);
  });

  it('have one limit with those of members that refuse this one', () => {
    for (let id = 1000n; id < 1020n; id += 1n) {
      admission.refusedBy(id);
      introduced({ origin: hex(7) }, id + 1000n);
    }
    expect(lines).toHaveLength(10);
  });
});

describe('the table of problems', () => {
  it('has a bound, and reports of members have one, too', () => {
    for (const kind of ['another-log', 'fewer-starts', 'same-start'] as const) {
      for (let id = 0n; id < 1000n; id += 1n) problems.met(id, kind, `${id}`);
    }
    // Ten members, ten other nodes, and the number of the remaining ones.
    expect(problems.messages()).toHaveLength(21);
    expect(problems.messages().at(-1)).toBe('the same for 236 other nodes that are not members');
    expect([lines.length, events.length]).toEqual([20, 20]);
  });

  it('forgets the node that was met first and is not a member, and never a member', () => {
    problems.met(2n, 'another-log', 'a member');
    for (let id = 10n; id < 265n; id += 1n) problems.met(id, 'another-log', `${id}`);
    expect(problems.messages().at(-1)).toBe('the same for 245 other nodes that are not members');
    expect(problems.has(10n)).toBe(true);
    problems.met(10n, 'another-log', 'again');
    problems.met(265n, 'another-log', 'one more');
    expect([2n, 10n, 11n, 12n, 265n].map((id) => problems.has(id))).toEqual([
      true,
      true,
      false,
      true,
      true,
    ]);
  });

  it.each([
    [9, ['a member', ...Array.from({ length: 9 }, (_, at) => `${at}`)]],
    [10, ['a member', ...Array.from({ length: 10 }, (_, at) => `${at}`)]],
    [
      11,
      [
        'a member',
        ...Array.from({ length: 10 }, (_, at) => `${at + 1}`),
        'the same for 1 other nodes that are not members',
      ],
    ],
  ])(
    'lists the latest ten of %i nodes that are not members, after the members',
    (strangers, expected) => {
      for (let at = 0; at < strangers; at += 1) {
        problems.met(100n + BigInt(at), 'another-log', `${at}`);
      }
      problems.met(2n, 'another-log', 'a member');
      expect(problems.messages()).toEqual(expected);
    },
  );

  it('tells a problem again that was left out, as soon as there is room', async () => {
    for (let id = 10n; id < 21n; id += 1n) problems.met(id, 'another-log', `${id}`);
    expect(lines.at(-1)?.message).toBe('19');
    await clock.advance(minuteMs);
    problems.met(20n, 'another-log', '20');
    problems.met(20n, 'another-log', '20');
    expect(lines.slice(10)).toEqual([{ message: '20', leftOut: 1 }]);
  });
});

it('a problem is told again after a minute, and is over when it is said to be', async () => {
  problems.met(2n, 'another-log', 'a');
  await clock.advance(minuteMs);
  problems.met(2n, 'another-log', 'b');
  expect([lines.length, problems.has(2n), problems.messages()]).toEqual([1, true, ['b']]);
  await clock.advance(minuteMs + 1);
  expect([problems.has(2n), problems.messages()]).toEqual([false, []]);
  problems.met(2n, 'another-log', 'c');
  problems.over(2n);
  expect([lines.length, problems.has(2n), problems.messages()]).toEqual([2, false, []]);
  problems.met(2n, 'another-log', 'd');
  problems.met(2n, 'fewer-starts', 'e');
  expect([lines.length, problems.has(2n)]).toEqual([3, true]);
});
