/** Messages that were refused are counted, and reported at a bounded rate. */
import { SimulatedClock } from '@babuza/testkit';
import { beforeEach, expect, it } from 'vitest';
import type { Logger, RaftEvent } from '../src/index.ts';
import type { RefusedMessageKind } from '../src/events.ts';
import { RefusedMessages } from '../src/incoming/refused-messages.ts';

let clock: SimulatedClock;
let events: RaftEvent[];
let warnings: string[];
let refused: RefusedMessages;

beforeEach(() => {
  clock = new SimulatedClock();
  [events, warnings] = [[], []];
  const warn = (line: string): unknown => warnings.push(line);
  const logger: Logger = { debug() {}, info() {}, error() {}, warn };
  const isMember = (id: bigint): boolean => id < 10n;
  refused = new RefusedMessages({ clock, logger, tell: (event) => events.push(event), isMember });
});

it('a sender that repeats a message is reported once a minute, with how often', async () => {
  for (let at = 0; at < 1000; at += 1) refused.refuse(3n, 'term', 'it has term 9');
  expect([events.length, warnings.length, refused.count]).toEqual([1, 1, 1000]);
  await clock.advance(60_000);
  refused.refuse(3n, 'term', 'it has term 9');
  expect(events).toMatchObject([
    { type: 'message-refused', member: 3n, kind: 'term', times: 1 },
    { times: 1000 },
  ]);
  expect(warnings[0]).toBe('a message of node 3 is refused: it has term 9');
});

it('another reason and another sender are reported by themselves', () => {
  refused.refuse(3n, 'term', 'a');
  refused.refuse(3n, 'proposal', 'b');
  refused.refuse(4n, 'term', 'c');
  expect(events).toHaveLength(3);
});

it.each([
  [9, 9],
  [10, 10],
  [11, 10],
  [10_000, 10],
])('of %i made-up senders %i are reported in a minute', async (senders, reported) => {
  const refuseAll = (kind: RefusedMessageKind): void => {
    for (let id = 100n; id < 100n + BigInt(senders); id += 1n) refused.refuse(id, kind, 'a');
  };
  refuseAll('not-a-member');
  expect([events.length, refused.count, refused.remembered]).toEqual([reported, senders, reported]);
  // Another reason does not avoid the limit, and members have a share of their own.
  refuseAll('term');
  const both = Math.min(10, 2 * senders);
  expect(events).toHaveLength(both);
  refused.refuse(3n, 'term', 'a');
  expect(events).toHaveLength(both + 1);
  await clock.advance(59_999);
  refuseAll('term');
  expect(events).toHaveLength(both + 1);
  await clock.advance(1);
  refuseAll('proposal');
  expect(events).toHaveLength(both + 1 + reported);
});

it.each([
  [19, 19],
  [20, 20],
  [21, 20],
])('of %i senders and reasons of members %i are reported in a minute', (pairs, reported) => {
  const kinds = ['term', 'term-jump', 'proposal', 'commit', 'snapshot'] as const;
  for (let at = 0; at < pairs; at += 1) {
    refused.refuse(
      BigInt(1 + Math.floor(at / kinds.length)),
      kinds[at % kinds.length] ?? 'term',
      '',
    );
  }
  expect([events.length, warnings.length]).toEqual([reported, reported]);
});

it('no more than 64 senders and reasons are remembered, however long it goes on', async () => {
  let most = 0;
  for (let minute = 0; minute < 100; minute += 1) {
    for (let id = 0n; id < 100n; id += 1n) {
      refused.refuse(100n * BigInt(minute + 1) + id, 'not-a-member', 'a');
    }
    most = Math.max(most, refused.remembered);
    await clock.advance(60_000);
  }
  expect(events).toHaveLength(1000);
  expect(most).toBeLessThanOrEqual(64);
});

it('a sender that was left out is counted, and reported when there is room', async () => {
  refused.refuse(7n, 'term', 'a');
  await clock.advance(60_000);
  for (let id = 1n; id <= 5n; id += 1n) {
    for (const kind of ['term', 'proposal', 'commit', 'snapshot'] as const) {
      refused.refuse(id, kind, 'a');
    }
  }
  refused.refuse(7n, 'term', 'a');
  refused.refuse(7n, 'term', 'a');
  expect(events).toHaveLength(21);
  await clock.advance(60_000);
  refused.refuse(7n, 'term', 'a');
  expect(events.slice(21)).toMatchObject([{ member: 7n, times: 3 }]);
});
