/** Leadership transfer to another voter: how often it is requested, and each end of the wait. */
import type { Status } from '@babuza/raft-core';
import { SimulatedClock } from '@babuza/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { StoppedError } from '../src/errors.ts';
import {
  activeSuccessor,
  bestSuccessor,
  transferLeadership,
  type LeadershipTransferParts,
} from '../src/leadership/leadership-transfer.ts';
import type { RaftEvent } from '../src/index.ts';

const tickMs = 100;
const electionTicks = 3;
const target = 2n;

let clock: SimulatedClock;
let isLeader: boolean;
/** The targets that the core was asked to transfer leadership to. */
let asked: bigint[];
let listeners: Set<(event: RaftEvent) => void>;
let stops: Set<(cause: StoppedError) => void>;

beforeEach(() => {
  clock = new SimulatedClock();
  [isLeader, asked, listeners, stops] = [true, [], new Set(), new Set()];
});

function add<T>(all: Set<T>, one: T): () => void {
  all.add(one);
  return () => void all.delete(one);
}

/** Transfers leadership, and notes how that ends. */
function start(signal?: AbortSignal): { end: unknown } {
  const parts = {
    config: { tickMs, electionTicks },
    clock,
    events: { subscribe: (listener: (event: RaftEvent) => void) => add(listeners, listener) },
    isLeader: () => isLeader,
    core: {
      tryRun: (give: (node: unknown) => void) =>
        give({ transferLeader: (id: bigint) => asked.push(id) }),
    },
    onStop: (call: (cause: StoppedError) => void) => add(stops, call),
  };
  const noted: { end: unknown } = { end: undefined };
  transferLeadership(parts as unknown as LeadershipTransferParts, target, signal).then(
    () => (noted.end = 'done'),
    (error: unknown) => (noted.end = Reflect.get(Object(error), 'code') ?? String(error)),
  );
  return noted;
}

function tell(event: Partial<RaftEvent>): void {
  for (const listener of listeners) listener(event as RaftEvent);
}

/** No caller waits any more, and nothing is requested later. */
async function expectTidy(): Promise<void> {
  expect([listeners.size, stops.size, clock.pendingCount]).toEqual([0, 0, 0]);
  const { length } = asked;
  await clock.advance(10 * tickMs);
  expect(asked).toHaveLength(length);
}

describe('a transfer of leadership', () => {
  it('is asked for with every tick, and fails after two election timeouts', async () => {
    const noted = start();
    expect(asked).toEqual([target]);
    await clock.advance(tickMs - 1);
    expect(asked).toHaveLength(1);
    await clock.advance(1);
    expect(asked).toHaveLength(2);
    await clock.advance((2 * electionTicks - 1) * tickMs - 1);
    expect([asked.length, noted.end]).toEqual([2 * electionTicks, undefined]);
    await clock.advance(1);
    expect([asked.length, noted.end]).toEqual([2 * electionTicks, 'RAFT_DROPPED']);
    await expectTidy();
  });

  it('has succeeded when the target leads, and not when another member does', async () => {
    const noted = start();
    tell({ type: 'leader', leader: 3n });
    tell({ type: 'leader', leader: 0n });
    tell({ type: 'snapshot-failed' });
    await clock.advance(tickMs);
    expect(noted.end).toBeUndefined();
    tell({ type: 'leader', leader: target });
    await clock.advance(0);
    expect(noted.end).toBe('done');
    await expectTidy();
  });

  it('is not requested from a core that does not lead any more, and its end is still awaited', async () => {
    const noted = start();
    isLeader = false;
    await clock.advance(3 * tickMs);
    expect([asked.length, noted.end]).toEqual([1, undefined]);
    tell({ type: 'leader', leader: target });
    await clock.advance(0);
    expect(noted.end).toBe('done');
    await expectTidy();
  });

  it('is not awaited any more when the signal fires', async () => {
    const control = new AbortController();
    const noted = start(control.signal);
    control.abort(new Error('enough'));
    await clock.advance(0);
    expect(noted.end).toBe('Error: enough');
    await expectTidy();
  });

  it('is not awaited any more when the node stops', async () => {
    const noted = start();
    for (const stop of stops) stop(new StoppedError());
    await clock.advance(0);
    expect(noted.end).toBe('RAFT_STOPPED');
    await expectTidy();
  });

  it('does not begin where the signal has fired', async () => {
    const noted = start(AbortSignal.abort(new Error('enough')));
    await clock.advance(0);
    expect([noted.end, asked]).toEqual(['Error: enough', []]);
    await expectTidy();
  });
});

describe('the voter that is to lead next', () => {
  const self = { id: 1n, match: 30, isLearner: false, recentActive: true };
  const silent = { id: 2n, match: 20, isLearner: false, recentActive: false };
  const active = { id: 3n, match: 5, isLearner: false, recentActive: true };
  const further = { id: 4n, match: 9, isLearner: false, recentActive: true };
  const learner = { id: 5n, match: 30, isLearner: true, recentActive: true };

  const statusOf = (members: readonly (typeof self)[]): Status =>
    ({ id: 1n, progress: new Map(members.map((one) => [one.id, one])) }) as unknown as Status;

  it.each([
    ['one that answers, before one whose log is longer', [silent, active], 3n, 3n],
    ['the furthest of those that answer', [silent, active, further], 4n, 4n],
    ['the furthest where none answers, if any will do', [silent], 2n, undefined],
    ['neither the leader nor a learner', [], undefined, undefined],
  ])('is %s', (_, others, best, active) => {
    const members = [self, learner, ...others];
    for (const order of [members, members.toReversed()]) {
      const status = statusOf(order);
      expect([bestSuccessor(status), activeSuccessor(status)]).toEqual([best, active]);
    }
  });
});
