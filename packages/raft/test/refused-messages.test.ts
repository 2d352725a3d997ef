/** Messages that were refused are counted, and reported at a bounded rate. */
import { SimulatedClock } from '@babuza/testkit';
import { beforeEach, expect, it } from 'vitest';
import type { Logger, RaftEvent } from '../src/index.ts';
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
  refused = new RefusedMessages({ clock, logger, tell: (event) => events.push(event) });
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

it('made-up senders are reported 256 times a minute at most, and take no more memory', async () => {
  for (let id = 1n; id <= 10_000n; id += 1n) refused.refuse(id, 'not-a-member', 'a');
  expect([events.length, refused.count]).toEqual([256, 10_000]);
  await clock.advance(60_000);
  for (let id = 1n; id <= 10_000n; id += 1n) refused.refuse(10_000n + id, 'not-a-member', 'a');
  expect(events).toHaveLength(512);
});

it('a sender that was reported is reported again after a minute, also where the table is full', async () => {
  for (let id = 1n; id <= 300n; id += 1n) refused.refuse(id, 'not-a-member', 'a');
  await clock.advance(60_000);
  refused.refuse(7n, 'not-a-member', 'a');
  expect(events.slice(256)).toMatchObject([{ member: 7n, times: 1 }]);
});
