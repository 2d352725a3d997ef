/**
 * A leader whose disk hangs: another member becomes leader, and callers get an outcome. When no
 * other member could do better, it stays leader.
 */
import { MessageType } from '@babuza/raftpb';
import { SeededRandom } from '@babuza/testkit';
import { NoSpaceError } from '@babuza/wal-core';
import { afterEach, describe, expect, it } from 'vitest';
import type { BabuzaConfig, RaftEvent } from '../src/index.ts';
import { bytesOf, newGate, World, type Gate, type Member } from './support.ts';

let world: World;

afterEach(async () => {
  world.faults.held.clear();
  world.faults.saveMs = undefined;
  world.faults.onSave = undefined;
  await world.close();
});

/** The defaults: an election timeout of 1,000 ms, and a bound of half of that. */
const electionTimeoutMs = 1000;
const boundMs = 500;

async function started(count: number, config: Partial<BabuzaConfig> = {}): Promise<Member> {
  world = new World(config);
  await world.startAll(count);
  const leader = await world.leader();
  await world.until(leader.raft.propose(bytesOf('before')));
  await world.pass(200);
  return leader;
}

function hang({ raft }: Member): Gate {
  const gate = newGate();
  world.faults.held.set(raft.nodeId, gate.passed);
  return gate;
}

function release({ raft }: Member, gate: Gate): void {
  world.faults.held.delete(raft.nodeId);
  gate.open();
}

function heard({ raft }: Member): RaftEvent[] {
  const events: RaftEvent[] = [];
  raft.subscribe((event) => events.push(event));
  return events;
}

const typesOf = (events: readonly RaftEvent[]): string[] => events.map(({ type }) => type);

/** The outcome of a call, as a word or a code, once it has one. */
function outcomeOf(call: Promise<unknown>): { word: string } {
  const outcome = { word: 'none yet' };
  call.then(
    () => (outcome.word = 'applied'),
    (error: unknown) =>
      (outcome.word = String(error instanceof Error && Reflect.get(error, 'code'))),
  );
  return outcome;
}

/** Proposes at the current leader until a proposal is acknowledged; returns how long that took. */
async function untilAcknowledged(text: string): Promise<number> {
  const beganMs = world.clock.monotonicMs();
  for (;;) {
    for (const { raft } of world.members.values()) {
      if (raft.status().role !== 'leader') continue;
      const outcome = outcomeOf(raft.propose(bytesOf(text)));
      for (let step = 0; step < 5 && outcome.word === 'none yet'; step += 1) await world.pass(10);
      if (outcome.word === 'applied') return world.clock.monotonicMs() - beganMs;
    }
    await world.pass(10);
    if (world.clock.monotonicMs() - beganMs > 60_000) throw new Error('nothing is acknowledged');
  }
}

describe('a leader whose disk hangs', () => {
  it.each([3, 5])('of %i hands leadership over, and another one acknowledges', async (count) => {
    const old = await started(count);
    const events = heard(old);
    const gate = hang(old);
    const tookMs = await untilAcknowledged('during');
    expect(tookMs).toBeGreaterThanOrEqual(boundMs);
    expect(tookMs).toBeLessThan(electionTimeoutMs);
    expect(old.raft.status().role).toBe('follower');
    expect(typesOf(events).slice(0, 2)).toEqual(['disk-slow', 'leadership-given-up']);
    release(old, gate);
    await world.pass(1000);
    expect(old.machine.texts).toContain('during');
  });

  it('tells why it is not ready, and is ready again when its disk works', async () => {
    const old = await started(3);
    const events = heard(old);
    const gate = hang(old);
    await untilAcknowledged('during');
    expect(old.raft.readiness()).toMatchObject({
      ready: false,
      reason: expect.stringMatching(/^a save to the log has not finished for \d+ ms/),
    });
    expect(old.raft.status().diskSlow).toBe(true);
    await world.pass(5000);
    release(old, gate);
    await world.pass(1000);
    expect(old.raft.readiness()).toEqual({ ready: true });
    expect(old.raft.status().diskSlow).toBe(false);
    expect(events.filter(({ type }) => type === 'disk-slow')).toEqual([
      { type: 'disk-slow', slow: true },
      { type: 'disk-slow', slow: false },
    ]);
  });

  it('does not campaign while it hangs, whatever happens to the others', async () => {
    const old = await started(3);
    const gate = hang(old);
    await untilAcknowledged('during');
    const next = await world.leader();
    world.wire.cut.add(next.raft.nodeId);
    await world.pass(10_000);
    const { role, term } = old.raft.status();
    expect(role).toBe('follower');
    await world.pass(10_000);
    expect(old.raft.status().term - term).toBeLessThanOrEqual(0);
    release(old, gate);
    await world.pass(5000);
    expect((await world.leader()).raft.nodeId).not.toBe(next.raft.nodeId);
    world.wire.cut.clear();
  });

  it('answers a caller by the outcome when its disk is back in time', async () => {
    const old = await started(3);
    const gate = hang(old);
    const outcome = outcomeOf(old.raft.propose(bytesOf('during')));
    await world.pass(boundMs + 200);
    expect([old.raft.status().role, outcome.word]).toEqual(['follower', 'none yet']);
    release(old, gate);
    await world.pass(300);
    expect(outcome.word).toBe('applied');
  });

  it('tells a caller that the outcome is unknown when its disk stays away', async () => {
    const old = await started(3);
    const gate = hang(old);
    const outcome = outcomeOf(old.raft.propose(bytesOf('during')));
    await world.pass(boundMs + electionTimeoutMs + 400);
    expect(outcome.word).toBe('RAFT_OUTCOME_UNKNOWN');
    release(old, gate);
    await world.pass(1000);
    expect(old.machine.texts).toContain('during');
  });

  it('steps down where its successor does not campaign', async () => {
    const old = await started(3);
    const events = heard(old);
    world.wire.loses = ({ type }) => type === MessageType.TimeoutNow;
    const gate = hang(old);
    const tookMs = await untilAcknowledged('during');
    expect(tookMs).toBeLessThan(4 * electionTimeoutMs);
    const givenUp = events.filter(({ type }) => type === 'leadership-given-up');
    expect(givenUp).toMatchObject([{ to: expect.any(BigInt) }, { to: undefined }]);
    release(old, gate);
  });

  it('over a save without entries proposes one, to see whether the others can write', async () => {
    const old = await started(3);
    const gate = newGate();
    let hangs = false;
    world.faults.onSave = (id, { entries = [] }) => {
      if (id !== old.raft.nodeId) return undefined;
      // The entry is durable everywhere. Only the save of the commit index hangs, and all saves
      // behind it.
      hangs ||= entries.length === 0;
      return hangs ? gate.passed : undefined;
    };
    await world.until(old.raft.propose(bytesOf('x')));
    const { lastIndex } = old.raft.status();
    await world.pass(2 * electionTimeoutMs);
    const next = await world.leader();
    expect(next.raft.nodeId).not.toBe(old.raft.nodeId);
    // The entry that it proposed, the first one of its successor, and the one that binds its log.
    expect(next.raft.status().lastIndex).toBe(lastIndex + 3);
    gate.open();
  });
});

describe('a leader whose disk is full', () => {
  it('transfers leadership, and steps down when that fails', async () => {
    const old = await started(3);
    const events = heard(old);
    let isFull = true;
    const full = new NoSpaceError('no space is left', new Error('ENOSPC'));
    world.faults.onSave = (id) => {
      if (isFull && id === old.raft.nodeId) throw full;
    };
    world.wire.loses = ({ type }) => type === MessageType.TimeoutNow;
    void old.raft.propose(bytesOf('x')).catch(() => undefined);
    await untilAcknowledged('during');
    const givenUp = events.filter(({ type }) => type === 'leadership-given-up');
    expect(givenUp).toMatchObject([
      { trouble: 'disk-full', to: expect.any(BigInt) },
      { trouble: 'disk-full', to: undefined },
    ]);
    expect(old.raft.readiness()).toEqual({ ready: false, reason: 'the disk is full' });
    expect(old.raft.status()).toMatchObject({ diskFull: true, diskSlow: false });
    expect(typesOf(events)).not.toContain('disk-slow');
    isFull = false;
    await world.pass(10_000);
    expect(old.machine.texts).toContain('during');
  });
});

describe('a short stall', () => {
  it('of up to four fifths of the bound changes no leader: 1,000 of them at random', async () => {
    const leader = await started(3);
    const { term } = leader.raft.status();
    const random = new SeededRandom(7);
    for (let stall = 0; stall < 1000; stall += 1) {
      const gate = hang(leader);
      const outcome = outcomeOf(leader.raft.propose(bytesOf('x')));
      await world.pass(random.below(0.8 * boundMs));
      release(leader, gate);
      await world.pass(random.below(60));
      expect(outcome.word).not.toMatch(/^RAFT/);
    }
    expect(leader.raft.status()).toMatchObject({ role: 'leader', term });
  });
});

describe('a leader that no member can replace', () => {
  it.each([
    ['alone', 1, false],
    ['of two, which the other cannot replace without its vote', 2, false],
    ['of three whose others are away', 3, true],
  ])('%s stays leader, is not ready, and goes on when its disk does', async (_, count, areAway) => {
    const leader = await started(count);
    const { term } = leader.raft.status();
    for (const { raft } of await world.followers()) if (areAway) world.wire.cut.add(raft.nodeId);
    const gate = hang(leader);
    const outcome = outcomeOf(leader.raft.propose(bytesOf('during')));
    await world.pass(areAway ? 900 : 20_000);
    expect(leader.raft.status()).toMatchObject({ role: 'leader', term });
    expect(leader.raft.readiness()).toMatchObject({ ready: false });
    world.wire.cut.clear();
    release(leader, gate);
    await world.pass(500);
    expect(outcome.word).toBe('applied');
    expect(leader.raft.readiness()).toEqual({ ready: true });
  });
});

describe('a cluster whose disks are all slow', () => {
  it.each([
    ['alike', () => 0.9, 25],
    ['alike, a save longer than an election timeout', () => 1.5, 15],
    ['by chance', (random: SeededRandom) => 0.2 + random.below(70) / 100, 40],
  ])('%s makes progress, and leadership settles', async (_, share, appliedMin) => {
    await started(3);
    const random = new SeededRandom(3);
    world.faults.saveMs = () => share(random) * electionTimeoutMs;
    let changes = 0;
    for (const { raft } of world.members.values()) {
      raft.subscribe(({ type }) => {
        if (type === 'leadership-acquired') changes += 1;
      });
    }
    const applied = [0, 0];
    const changed = [0, 0];
    for (const half of [0, 1]) {
      const changesBefore = changes;
      const untilMs = world.clock.monotonicMs() + 60 * electionTimeoutMs;
      while (world.clock.monotonicMs() < untilMs) {
        if ((await proposeAtLeader()) === 'applied') applied[half] = (applied[half] ?? 0) + 1;
      }
      changed[half] = changes - changesBefore;
    }
    expect(Math.min(...applied)).toBeGreaterThan(appliedMin);
    expect(changed[1]).toBeLessThanOrEqual(3);
  });
});

/** Proposes at a leader and waits for the outcome, for four election timeouts at most. */
async function proposeAtLeader(): Promise<string> {
  for (const { raft } of world.members.values()) {
    if (raft.status().role !== 'leader') continue;
    const outcome = outcomeOf(raft.propose(bytesOf('x')));
    for (let step = 0; step < 200 && outcome.word === 'none yet'; step += 1) await world.pass(20);
    return outcome.word;
  }
  await world.pass(20);
  return 'nobody leads';
}
