/**
 * The pauses between the snapshots that are sent to one member: their length, and what ends them.
 */
import type { RawNode } from '@babuza/raft-core';
import { emptyConfState, MessageType, newMessage, type Message } from '@babuza/raftpb';
import { SimulatedClock } from '@babuza/testkit';
import { describe, expect, it } from 'vitest';
import type { RaftEvent } from '../src/events.ts';
import { matchIndexOf, SnapshotPauses } from '../src/snapshots/snapshot-pauses.ts';

const newcomer = 7n;
const secondMs = 1000;
const minuteMs = 60 * secondMs;

describe('the pauses of one member', () => {
  const metadata = { confState: emptyConfState, index: 10, term: 3 };
  const messageOf = (term: number, to: bigint = newcomer): Message =>
    newMessage({ type: MessageType.Snap, from: 1n, to, term });

  /** Time can pass without its timers, as in a process that stalls. */
  class StandingClock extends SimulatedClock {
    stoodMs = 0;

    override monotonicMs(): number {
      return super.monotonicMs() + this.stoodMs;
    }
  }

  interface Single {
    readonly clock: StandingClock;
    readonly pauses: SnapshotPauses;
    readonly told: number[];
    /** The match index that the leader knows of the member. */
    match: number;
    /** How often the end of a pause was reported. */
    due: number;
    readonly holds: (term?: number) => boolean;
  }

  function single(electionTimeoutMs: number): Single {
    const clock = new StandingClock();
    const told: number[] = [];
    const tell = (event: RaftEvent): void => {
      if (event.type === 'unused-snapshot') told.push(event.pauseMs);
    };
    const matchOf = (): number => one.match;
    const logger = undefined;
    const pauses = new SnapshotPauses({ clock, electionTimeoutMs, matchOf, logger, tell });
    const due = (): unknown => (one.due += 1);
    const holds = (term = 3): boolean => pauses.holds(messageOf(term), due);
    const one: Single = { clock, pauses, told, match: 0, due: 0, holds };
    return one;
  }

  it.each([
    ['2 s', 300, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]],
    ['an election timeout where that is longer', 5000, [5, 10, 20, 40, 80, 160, 300, 300, 300]],
    ['five minutes where it is longer still', 600_000, [300, 300, 300]],
  ])('double from %s, up to five minutes', async (_title, electionTimeoutMs, expected) => {
    const one = single(electionTimeoutMs);
    for (const pauseS of expected) {
      expect(one.holds()).toBe(false);
      one.pauses.arrived(messageOf(3), metadata);
      one.due = 0;
      expect(one.holds()).toBe(true);
      await one.clock.advance(pauseS * secondMs - 1);
      expect(one.due).toBe(0);
      await one.clock.advance(1);
      expect(one.due).toBe(1);
    }
    expect(one.told.map((pauseMs) => pauseMs / secondMs)).toEqual(expected);
  });

  it.each([9, 10])('a match of %i decides about a snapshot at index 10', (match) => {
    const one = single(secondMs);
    one.pauses.arrived(messageOf(3), metadata);
    one.match = match;
    expect(one.holds()).toBe(match < 10);
    expect(one.told).toHaveLength(match < 10 ? 1 : 0);
  });

  it('asked again within a pause, only the newest request is told of its end', async () => {
    const one = single(secondMs);
    one.pauses.failed(messageOf(3));
    for (let at = 0; at < 3; at += 1) expect(one.holds()).toBe(true);
    await one.clock.advance(minuteMs);
    expect(one.due).toBe(1);
    expect(one.clock.pendingCount).toBe(0);
  });

  it('after failures are ten election timeouts at most', async () => {
    const one = single(secondMs);
    const pausesMs: number[] = [];
    for (let at = 0; at < 6; at += 1) {
      one.pauses.failed(messageOf(3));
      expect(one.holds()).toBe(true);
      const beforeMs = one.clock.monotonicMs();
      one.clock.fireNext();
      pausesMs.push(one.clock.monotonicMs() - beforeMs);
    }
    expect(pausesMs).toEqual([1000, 2000, 4000, 8000, 10_000, 10_000]);
  });

  it('are not put off by a member that cannot be reached', async () => {
    const one = single(secondMs);
    one.pauses.failed(messageOf(3));
    expect(one.holds()).toBe(true);
    await one.clock.advance(500);
    one.pauses.unreachable(newcomer);
    await one.clock.advance(500);
    expect(one.due).toBe(1);
  });

  it('of an older term end with the first snapshot of a newer one, whatever becomes of that', async () => {
    for (const isPaused of [true, false]) {
      const one = single(secondMs);
      one.pauses.failed(messageOf(3));
      if (isPaused) expect(one.holds()).toBe(true);
      one.pauses.failed(messageOf(4));
      await one.clock.advance(minuteMs);
      expect(one.due).toBe(0);
    }
  });

  it('end with the term of the leader, a timer that runs included', async () => {
    const one = single(secondMs);
    one.pauses.failed(messageOf(3));
    expect(one.holds()).toBe(true);
    expect(one.holds(4)).toBe(false);
    await one.clock.advance(minuteMs);
    expect(one.due).toBe(0);
  });

  it('a snapshot of an older term that ends late changes nothing: the newest request is told', async () => {
    const one = single(secondMs);
    one.pauses.failed(messageOf(4));
    expect(one.holds(4)).toBe(true);
    one.pauses.failed(messageOf(3));
    one.pauses.arrived(messageOf(3), metadata);
    await one.clock.advance(secondMs);
    expect(one.due).toBe(1);
    expect(one.holds(4)).toBe(false);
    expect(one.told).toEqual([]);
  });

  it('are no pauses of another member, and leave no timer when the node stops', () => {
    const one = single(secondMs);
    one.pauses.failed(messageOf(3));
    expect(one.pauses.holds(messageOf(3, 8n), () => undefined)).toBe(false);
    expect(one.holds()).toBe(true);
    one.pauses.unreachable(8n);
    one.pauses.stop();
    expect(one.clock.pendingCount).toBe(0);
    expect([one.holds(), one.clock.pendingCount]).toEqual([false, 0]);
  });

  it('are counted anew after a snapshot that was used', () => {
    const one = single(secondMs);
    for (let at = 0; at < 2; at += 1) {
      one.pauses.arrived(messageOf(3), metadata);
      expect(one.holds()).toBe(true);
    }
    one.pauses.arrived(messageOf(3), metadata);
    one.match = 10;
    expect(one.holds()).toBe(false);
    one.match = 0;
    one.pauses.arrived(messageOf(3), metadata);
    expect(one.holds()).toBe(true);
    expect(one.told).toEqual([2000, 4000, 2000]);
  });

  it('are counted anew after a snapshot that has arrived, where others did not', async () => {
    const one = single(secondMs);
    for (let at = 0; at < 3; at += 1) one.pauses.failed(messageOf(3));
    one.pauses.arrived(messageOf(3), metadata);
    one.pauses.failed(messageOf(3));
    expect(one.holds()).toBe(true);
    await one.clock.advance(secondMs - 1);
    expect(one.due).toBe(0);
    await one.clock.advance(1);
    expect(one.due).toBe(1);
  });

  it.each([
    ['has ended', true],
    ['was over before its timer fired', false],
  ])('a request whose pause %s is not told again', async (_, fires) => {
    const one = single(secondMs);
    one.pauses.failed(messageOf(3));
    expect(one.holds()).toBe(true);
    if (fires) await one.clock.advance(secondMs);
    else {
      one.clock.stoodMs = secondMs;
      expect(one.holds()).toBe(false);
    }
    const { due } = one;
    // The snapshot that is sent then fails, and the member cannot be reached: no request waits.
    for (let at = 0; at < 5; at += 1) one.pauses.failed(messageOf(3));
    one.pauses.unreachable(newcomer);
    expect(one.clock.pendingCount).toBe(0);
    await one.clock.advance(minuteMs);
    expect(one.due).toBe(due);
  });

  it('failures in between do not end the count of those that were not used', () => {
    const one = single(secondMs);
    one.pauses.arrived(messageOf(3), metadata);
    expect(one.holds()).toBe(true);
    one.pauses.failed(messageOf(3));
    one.pauses.arrived(messageOf(3), metadata);
    expect(one.holds()).toBe(true);
    expect(one.told).toEqual([2000, 4000]);
  });
});

describe('what the leader knows of the log of a member', () => {
  const visited = [
    { id: 1n, match: 9 },
    { id: 2n, match: 5 },
    { id: 3n, match: 7 },
  ];
  const node = {
    visitProgress: (visit: (progress: unknown) => void) => visited.forEach((each) => visit(each)),
  } as unknown as RawNode;

  it.each([
    [1n, 9],
    [2n, 5],
    [3n, 7],
    [4n, 0],
  ])('is that of this member: %i', (member, expected) => {
    expect(matchIndexOf(node, member)).toBe(expected);
  });
});
