/** The log time when a clock or a timestamp is wrong. */
import type { Clock } from '@babuza/vfs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RaftEvent } from '../src/index.ts';
import type { TransportHandler } from '../src/ports/index.ts';
import { logTimeMsMax } from '../src/apply/log-time.ts';
import { ReplicatedState } from '../src/apply/replicated-state.ts';
import { bytesOf, handlersOf, ListMachine, PlainSessions, World } from './support.ts';

describe('the time of the log', () => {
  const state = (timeMs: number): ReplicatedState => {
    const made = new ReplicatedState(new PlainSessions());
    made.timeMs = timeMs;
    return made;
  };

  it.each([logTimeMsMax + 1, 2 ** 53 - 1])('is not moved by the stamp %d', (stamp) => {
    expect(state(5).advanceTime(stamp)).toBe(5);
    expect(state(5).advanceTime(logTimeMsMax)).toBe(logTimeMsMax);
  });

  it('that an earlier release has moved to the end begins again at a restart', () => {
    const bytes = state(2 ** 53 - 1).encode();
    const restored = state(0);
    const ids = { voters: [1n], learners: [], votersOutgoing: [], learnersNext: [] };
    restored.restore(bytes, { index: 5, term: 1, confState: { ...ids, autoLeave: false } });
    expect(restored.advanceTime(7)).toBe(7);
  });
});

describe('a leader whose clock is wrong', () => {
  let world: World;
  let handlers: Map<bigint, TransportHandler>;

  beforeEach(() => {
    world = new World();
    handlers = handlersOf(world);
  });
  afterEach(() => world.close());

  /** As at the start of each connection. */
  function introduceAll(): void {
    for (const [id, handler] of handlers) {
      for (const other of handlers.values()) {
        if (other !== handler) expect(other.admit(id, handler.introduction())).toBe(undefined);
      }
    }
  }

  it.each([
    ['by a year', 365 * 86_400_000],
    ['by all there is', 2 ** 53],
  ])('%s does not move the time of the log with it, and is reported', async (_, aheadMs) => {
    const { clock } = world;
    let isWrong = false;
    const wrong: Clock = {
      monotonicMs: () => clock.monotonicMs(),
      wallMs: () => clock.wallMs() + (isWrong ? aheadMs : 0),
      startTimer: (delayMs, callback) => clock.startTimer(delayMs, callback),
      sleep: (delayMs) => clock.sleep(delayMs),
    };
    for (const id of [1n, 2n, 3n]) world.clocks.set(id, wrong);
    await world.startAll(3);
    const leader = await world.leader();
    const { nodeId } = leader.raft.status();
    // The others have told their clocks before that of the leader goes wrong.
    introduceAll();
    const events: RaftEvent[] = [];
    leader.raft.subscribe((event) => events.push(event));
    const times = new Map<bigint, number[]>();
    for (const [id, { machine }] of world.members) {
      times.set(id, []);
      machine.apply = (entries) => {
        times.get(id)?.push(...entries.map(({ timeMs }) => timeMs));
        return ListMachine.prototype.apply.call(machine, entries);
      };
    }
    isWrong = true;
    for (const text of ['a', 'b']) await world.until(leader.raft.propose(bytesOf(text)));
    await world.pass(1000);
    const [first = []] = times.values();
    expect(first).toHaveLength(2);
    for (const time of first) {
      expect(Math.abs(time - clock.wallMs())).toBeLessThanOrEqual(5 * 60_000 + 10_000);
    }
    for (const other of times.values()) expect(other).toEqual(first);
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'clock-differs', member: nodeId }),
    );
    const readiness = leader.raft.readiness();
    expect(readiness).toMatchObject({
      ready: true,
      concerns: [expect.stringContaining('the clock of this node')],
    });
    isWrong = false;
    expect(leader.raft.readiness()).toEqual({ ready: true });
  });
});
