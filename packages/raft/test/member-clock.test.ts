/** The timestamps of entries when clocks of members are wrong. */
import { SimulatedClock } from '@babuza/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import type { RaftEvent } from '../src/index.ts';
import { clockToleranceMs, MemberClock } from '../src/apply/member-clock.ts';

let own: SimulatedClock;
let events: RaftEvent[];
let members: Set<bigint>;
let memberClock: MemberClock;
/** How far the clock of this node is ahead of the right time, in ms. */
let wrongMs: number;

const dayMs = 86_400_000;
const right = (): number => own.wallMs();

beforeEach(() => {
  own = new SimulatedClock();
  [events, wrongMs, members] = [[], 0, new Set([1n, 2n, 3n, 4n, 5n])];
  memberClock = new MemberClock({
    clock: {
      monotonicMs: () => own.monotonicMs(),
      wallMs: () => own.wallMs() + wrongMs,
      startTimer: (delayMs, callback) => own.startTimer(delayMs, callback),
      sleep: (delayMs) => own.sleep(delayMs),
    },
    nodeId: 1n,
    isMember: (id) => members.has(id),
    logger: undefined,
    tell: (event) => events.push(event),
  });
});

describe('a clock that is wrong', () => {
  it.each([365 * dayMs, 2 ** 43, 2 ** 53 - 1, Number.NaN, Infinity])(
    'by %d ms at this node moves the stamps by five minutes at most, and is reported',
    (wrong) => {
      for (const id of [2n, 3n]) memberClock.heard(id, right());
      expect(memberClock.wallMs()).toBe(right());
      expect(memberClock.problem).toBe(undefined);
      wrongMs = wrong;
      const stamp = memberClock.wallMs();
      expect(Math.abs(stamp - right())).toBeLessThanOrEqual(clockToleranceMs);
      expect(memberClock.problem).toContain('the clock of this node');
      expect(events).toMatchObject([{ type: 'clock-differs', member: 1n }]);
    },
  );

  it('at this node is pulled forward as well', () => {
    wrongMs = -dayMs;
    for (const id of [2n, 3n]) memberClock.heard(id, right());
    expect(memberClock.wallMs()).toBe(right() - clockToleranceMs);
  });

  it.each([dayMs, -dayMs, 2 ** 53 - 1])('by %d ms at another member changes nothing', (wrong) => {
    memberClock.heard(2n, right());
    memberClock.heard(3n, Math.min(2 ** 53 - 1, right() + wrong));
    expect(memberClock.wallMs()).toBe(right());
    expect(memberClock.problem).toBe(undefined);
    expect(events).toMatchObject([{ type: 'clock-differs', member: 3n }]);
  });

  it('at one of two members does not move the stamps forward', () => {
    memberClock.heard(2n, right() + dayMs);
    expect(memberClock.wallMs()).toBe(right());
    wrongMs = 2 * dayMs;
    memberClock.heard(2n, right());
    expect(memberClock.wallMs()).toBe(right() + clockToleranceMs);
  });

  it('is reported once in ten minutes, and by readiness until it is set', async () => {
    for (const id of [2n, 3n]) memberClock.heard(id, right());
    wrongMs = dayMs;
    for (let at = 0; at < 100; at += 1) memberClock.wallMs();
    expect(events).toHaveLength(1);
    await own.advance(600_000);
    memberClock.wallMs();
    expect(events).toHaveLength(2);
    wrongMs = 0;
    expect(memberClock.problem).toBe(undefined);
  });
});

describe('the clocks of the others', () => {
  it('go on between their introductions', async () => {
    for (const id of [2n, 3n]) memberClock.heard(id, right());
    await own.advance(30 * dayMs);
    expect(memberClock.wallMs()).toBe(right());
    wrongMs = dayMs;
    expect(memberClock.wallMs()).toBe(right() + clockToleranceMs);
  });

  it('do not count for nodes that are not members, or not any more', () => {
    for (const id of [7n, 8n, 9n]) memberClock.heard(id, right() - dayMs);
    expect(memberClock.wallMs()).toBe(right());
    for (const id of [2n, 3n]) memberClock.heard(id, right() - dayMs);
    expect(memberClock.wallMs()).toBe(right() - dayMs + clockToleranceMs);
    members = new Set([1n]);
    memberClock.membershipChanged();
    expect(memberClock.wallMs()).toBe(right());
  });

  it('count as a majority only: two of five change nothing', () => {
    memberClock.heard(2n, right());
    memberClock.heard(3n, right());
    for (const id of [4n, 5n]) memberClock.heard(id, right() + dayMs);
    expect(memberClock.wallMs()).toBe(right());
  });
});

it('a node alone whose clock tells no time gives 0, which moves no log time', () => {
  wrongMs = 2 ** 53;
  expect(memberClock.wallMs()).toBe(0);
  expect(memberClock.problem).toContain('no time between 1970 and 2248');
});

it('the right clock within five minutes of the others is the stamp', () => {
  for (const id of [2n, 3n]) memberClock.heard(id, right());
  for (const ms of [clockToleranceMs, -clockToleranceMs, 1]) {
    wrongMs = ms;
    expect(memberClock.wallMs()).toBe(right() + ms);
  }
  expect(events).toEqual([]);
});
