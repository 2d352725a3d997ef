/** A leader whose process has stalled does not go on as if nothing had happened. */
import { EntryType, MessageType, newMessage } from '@babuza/raftpb';
import type { Clock, Timer } from '@babuza/vfs';
import { afterEach, describe, expect, it } from 'vitest';
import type { BabuzaConfig, RaftEvent } from '../src/index.ts';
import { bytesOf, World, type Member } from './support.ts';

let world: World;

afterEach(() => world.close());

const electionTimeoutMs = 1000;

/**
 * The clock of a process that can be stopped: timers that are due meanwhile fire in order when it
 * goes on.
 */
class StoppableClock implements Clock {
  readonly #world: Clock;
  #isStopped = false;
  #due: (() => void)[] = [];

  constructor(of: Clock) {
    this.#world = of;
  }

  monotonicMs(): number {
    return this.#world.monotonicMs();
  }

  wallMs(): number {
    return this.#world.wallMs();
  }

  startTimer(delayMs: number, callback: () => void): Timer {
    let isCancelled = false;
    const fire = (): void => {
      if (isCancelled) return;
      if (this.#isStopped) this.#due.push(fire);
      else callback();
    };
    const timer = this.#world.startTimer(delayMs, fire);
    return {
      cancel: () => {
        isCancelled = true;
        timer.cancel();
      },
    };
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.startTimer(delayMs, resolve);
    });
  }

  stop(): void {
    this.#isStopped = true;
  }

  goOn(): void {
    this.#isStopped = false;
    const due = this.#due;
    this.#due = [];
    for (const fire of due) fire();
  }
}

interface Stoppable extends Member {
  readonly clock: StoppableClock;
}

async function started(count: number, config: Partial<BabuzaConfig> = {}): Promise<Stoppable> {
  world = new World(config);
  for (let id = 1n; id <= count; id += 1n) world.clocks.set(id, new StoppableClock(world.clock));
  await world.startAll(count);
  const leader = await world.leader();
  await world.until(leader.raft.propose(bytesOf('before')));
  await world.pass(200);
  const clock = world.clocks.get(leader.raft.nodeId);
  if (!(clock instanceof StoppableClock)) throw new Error('the leader has no clock of its own');
  return { ...leader, clock };
}

/** Nothing reaches the leader while it is stopped, as nothing reaches a stopped process. */
async function standStill({ raft, clock }: Stoppable, milliseconds: number): Promise<void> {
  world.wire.cut.add(raft.nodeId);
  clock.stop();
  await world.pass(milliseconds);
  world.wire.cut.delete(raft.nodeId);
  clock.goOn();
}

function heard({ raft }: Member): RaftEvent[] {
  const events: RaftEvent[] = [];
  raft.subscribe((event) => events.push(event));
  return events;
}

describe('a leader that has stalled', () => {
  it.each([3, 2])('of %i hands leadership to a member that answers then', async (count) => {
    const old = await started(count);
    const events = heard(old);
    await standStill(old, 0.8 * electionTimeoutMs);
    await world.pass(300);
    const next = await world.leader();
    expect(next.raft.nodeId).not.toBe(old.raft.nodeId);
    expect(events.map(({ type }) => type).slice(0, 2)).toEqual([
      'stood-still',
      'leadership-given-up',
    ]);
    expect(events[1]).toMatchObject({ trouble: 'stood-still', to: next.raft.nodeId });
    await world.until(next.raft.propose(bytesOf('after')));
    await world.pass(300);
    expect(old.machine.texts).toEqual(['before', 'after']);
    expect(old.raft.readiness()).toEqual({ ready: true });
  });

  it('tells why it is not ready until leadership has gone', async () => {
    const old = await started(3);
    await standStill(old, 0.8 * electionTimeoutMs);
    await world.pass(1);
    expect(old.raft.readiness()).toMatchObject({
      ready: false,
      reason: expect.stringMatching(/^the event loop stood still for \d+ ms/),
    });
  });

  it('for less than the bound stays leader', async () => {
    const old = await started(3);
    const { term } = old.raft.status();
    for (let at = 0; at < 50; at += 1) {
      await standStill(old, 0.4 * electionTimeoutMs);
      await world.pass(300);
    }
    expect(old.raft.status()).toMatchObject({ role: 'leader', term });
  });

  it('and gets no answer steps down', async () => {
    const old = await started(3);
    for (const { raft } of await world.followers()) world.wire.cut.add(raft.nodeId);
    await standStill(old, 0.8 * electionTimeoutMs);
    await world.pass(electionTimeoutMs + 200);
    expect(old.raft.status().role).not.toBe('leader');
    world.wire.cut.clear();
  });

  it('alone stays leader', async () => {
    const old = await started(1);
    const { term } = old.raft.status();
    await standStill(old, 5 * electionTimeoutMs);
    await world.until(old.raft.propose(bytesOf('after')));
    expect(old.raft.status()).toMatchObject({ role: 'leader', term });
    expect(old.raft.readiness()).toEqual({ ready: true });
  });
});

describe('a read that relies on the lease', () => {
  it('is not answered by a leader that stood still while another one was elected', async () => {
    const old = await started(3, { leaseReads: true });
    const { nodeId } = old.raft;
    world.wire.cut.add(nodeId);
    old.clock.stop();
    const others = [...world.members.values()].filter(({ raft }) => raft.nodeId !== nodeId);
    while (!others.some(({ raft }) => raft.status().role === 'leader')) await world.pass(50);
    for (const { raft } of others) {
      if (raft.status().role === 'leader') await world.until(raft.propose(bytesOf('newer')));
    }
    // The read is the first thing that the process does when it goes on, before its timers and
    // still partitioned.
    const read = old.raft.read(undefined);
    let answer: unknown = 'none yet';
    read.then(
      (texts) => (answer = texts),
      () => (answer = 'refused'),
    );
    old.clock.goOn();
    await world.pass(100);
    expect(answer).toBe('none yet');
    world.wire.cut.clear();
    await world.pass(4000);
    expect(answer).toEqual(['before', 'newer']);
  });

  it('of a follower is not answered by such a leader either', async () => {
    const old = await started(3, { leaseReads: true });
    const { nodeId } = old.raft;
    const { nodeId: from } = (await world.follower()).raft;
    world.wire.cut.add(nodeId);
    old.clock.stop();
    await world.pass(3 * electionTimeoutMs);
    world.wire.cut.delete(nodeId);
    // It arrives before anything else, and from now on the old leader receives nothing.
    const entries = [{ index: 0, term: 0, type: EntryType.Normal, data: bytesOf('question') }];
    world.wire.loses = ({ to, type }) => to === nodeId && type !== MessageType.ReadIndex;
    world.wire.repeat(from, newMessage({ type: MessageType.ReadIndex, to: nodeId, from, entries }));
    await world.pass(5);
    old.clock.goOn();
    await world.pass(500);
    const answers = world.wire.sent.filter(
      (sent) => sent.from === nodeId && sent.message.type === MessageType.ReadIndexResp,
    );
    expect(answers).toEqual([]);
    world.wire.loses = () => false;
  });
});
