/** Conditions that are polled: how often, and how the polling ends. */
import { SimulatedClock } from '@babuza/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { eachTick } from '../src/support/each-tick.ts';
import { StoppedError } from '../src/errors.ts';
import type { RaftEvent } from '../src/events.ts';
import {
  transferLeadership,
  type LeadershipTransferParts,
} from '../src/leadership/leadership-transfer.ts';

let clock: SimulatedClock;
let atStop: Set<(cause: StoppedError) => void>;
let looks: number;
let look: () => true | undefined;

beforeEach(() => {
  clock = new SimulatedClock();
  atStop = new Set();
  looks = 0;
  look = () => undefined;
});

const onStop = (call: (cause: StoppedError) => void): (() => void) => {
  atStop.add(call);
  return () => void atStop.delete(call);
};

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

function noted(promise: Promise<unknown>): { end: unknown } {
  const note: { end: unknown } = { end: undefined };
  promise.then(
    () => (note.end = 'done'),
    (error: unknown) => (note.end = Reflect.get(Object(error), 'code') ?? String(error)),
  );
  return note;
}

describe('a look with every tick', () => {
  const start = (signal?: AbortSignal): { end: unknown } =>
    noted(
      eachTick({ clock, tickMs: 100, onStop }, signal, () => {
        looks += 1;
        return look();
      }),
    );

  /** Nothing runs any more, and no caller is told anything. */
  async function expectEnd(note: { end: unknown }, end: unknown): Promise<void> {
    await turns();
    const before = looks;
    await clock.advance(1000);
    expect([note.end, looks - before, clock.pendingCount, atStop.size]).toEqual([end, 0, 0, 0]);
  }

  it('is taken at once, and ends when something is found', async () => {
    const note = start();
    expect(looks).toBe(1);
    await clock.advance(250);
    expect([looks, note.end]).toEqual([3, undefined]);
    look = () => true;
    await clock.advance(50);
    await expectEnd(note, 'done');
  });

  it('ends at once where something is there', async () => {
    look = () => true;
    await expectEnd(start(), 'done');
  });

  it('ends with what it throws, the first time and later', async () => {
    look = () => {
      throw new Error('it is gone');
    };
    await expectEnd(start(), 'Error: it is gone');
    look = () => undefined;
    const note = start();
    look = () => {
      throw new Error('it is gone');
    };
    await clock.advance(100);
    await expectEnd(note, 'Error: it is gone');
  });

  it('ends with the signal, and with the node', async () => {
    const control = new AbortController();
    const aborted = start(control.signal);
    control.abort(new Error('enough'));
    await expectEnd(aborted, 'Error: enough');
    const stopped = start();
    for (const call of atStop) call(new StoppedError());
    await expectEnd(stopped, 'RAFT_STOPPED');
  });

  it('ends where the node has stopped already', async () => {
    const parts = {
      clock,
      tickMs: 100,
      onStop: (call: (cause: StoppedError) => void) => {
        call(new StoppedError());
        return () => undefined;
      },
    };
    await expectEnd(noted(eachTick(parts, undefined, () => undefined)), 'RAFT_STOPPED');
  });
});

describe('a transfer of leadership', () => {
  const electionTicks = 10;
  let listeners: Set<(event: RaftEvent) => void>;
  let isLeader: boolean;
  let asked: bigint[];

  const start = (signal?: AbortSignal): { end: unknown } => {
    const parts = {
      config: { electionTicks, tickMs: 100 },
      clock,
      events: {
        subscribe: (listener: (event: RaftEvent) => void) => {
          listeners.add(listener);
          return () => void listeners.delete(listener);
        },
      },
      isLeader: () => isLeader,
      core: {
        tryRun: (give: (node: unknown) => void) =>
          give({ transferLeader: (target: bigint) => void asked.push(target) }),
      },
      onStop,
    };
    return noted(transferLeadership(parts as unknown as LeadershipTransferParts, 3n, signal));
  };

  beforeEach(() => {
    [listeners, isLeader, asked] = [new Set(), true, []];
  });

  const tell = (leader: bigint): void => {
    for (const listener of listeners) listener({ type: 'leader', leader, term: 2 });
  };

  async function expectEnd(note: { end: unknown }, end: unknown): Promise<void> {
    await turns();
    expect([note.end, clock.pendingCount, atStop.size, listeners.size]).toEqual([end, 0, 0, 0]);
  }

  it('is asked for with every tick, as long as this node leads', async () => {
    start();
    expect(asked).toEqual([3n]);
    await clock.advance(200);
    expect(asked).toEqual([3n, 3n, 3n]);
    isLeader = false;
    await clock.advance(200);
    expect(asked).toHaveLength(3);
  });

  it('ends when that member leads, and not with the election of another', async () => {
    const note = start();
    tell(2n);
    tell(0n);
    await turns();
    expect(note.end).toBeUndefined();
    tell(3n);
    await expectEnd(note, 'done');
  });

  it('ends after two election timeouts, and not before', async () => {
    const note = start();
    await clock.advance(2 * electionTicks * 100 - 1);
    expect([note.end, asked.length]).toEqual([undefined, 2 * electionTicks]);
    await clock.advance(1);
    await expectEnd(note, 'RAFT_DROPPED');
    expect(asked).toHaveLength(2 * electionTicks);
  });

  it('ends with the signal, and with the node', async () => {
    const control = new AbortController();
    const aborted = start(control.signal);
    control.abort(new Error('enough'));
    await expectEnd(aborted, 'Error: enough');
    const stopped = start();
    for (const call of atStop) call(new StoppedError());
    await expectEnd(stopped, 'RAFT_STOPPED');
  });
});
