/**
 * A snapshot that a member does not use, or that does not arrive, is sent again after pauses that
 * grow.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Logger, RaftEvent } from '../src/index.ts';
import { bytesOf, World, type Member } from './support.ts';

let world: World;

// Each test has a world of its own, even one that starts no member.
beforeEach(() => {
  world = new World();
});
afterEach(() => world.close());

type EventOf<Type extends RaftEvent['type']> = Extract<RaftEvent, { readonly type: Type }>;

/** An event, and the time when it was emitted. */
interface Told {
  readonly atMs: number;
  readonly event: RaftEvent;
}

interface Watched {
  readonly leader: Member;
  readonly told: Told[];
}

const newcomer = 7n;
const secondMs = 1000;
const minuteMs = 60 * secondMs;

/** A node alone with a compacted log; `newcomer` is its learner and runs. */
async function leaderAndLearner(): Promise<Watched> {
  world = new World({ snapshotEntries: 20, compactionMargin: 0, snapshotsKept: 2 });
  await world.startAll(1);
  const leader = await world.leader();
  const told = watch(leader);
  await propose(leader, 50);
  await world.until(leader.raft.addLearner({ id: newcomer, address: `address-${newcomer}` }));
  await world.until(leader.raft.manualSnapshot());
  return { leader, told };
}

function watch({ raft }: Member): Told[] {
  const told: Told[] = [];
  raft.subscribe((event) => told.push({ atMs: world.clock.monotonicMs(), event }));
  return told;
}

async function propose({ raft }: Member, count: number): Promise<void> {
  for (let at = 0; at < count; at += 1) await world.until(raft.propose(bytesOf(`t${at}`)));
}

function only<Type extends RaftEvent['type']>(
  told: readonly Told[],
  type: Type,
): { readonly atMs: number; readonly event: EventOf<Type> }[] {
  return told.flatMap(({ atMs, event }) => (isOf(event, type) ? [{ atMs, event }] : []));
}

function isOf<Type extends RaftEvent['type']>(
  event: RaftEvent,
  type: Type,
): event is EventOf<Type> {
  return event.type === type;
}

/** The times between events of a type. */
function gapsMs(told: readonly Told[], type: RaftEvent['type']): number[] {
  const times = only(told, type).map(({ atMs }) => atMs);
  return times.slice(1).map((atMs, at) => atMs - (times[at] ?? 0));
}

describe('a snapshot that a member receives and does not use', () => {
  it('is sent at most three times within six seconds, and each time is reported', async () => {
    const { leader, told } = await leaderAndLearner();
    world.wire.ignoringSnapshots.add(newcomer);
    await world.start(newcomer, undefined);
    await world.pass(6 * secondMs);
    const sent = only(told, 'snapshot-sent');
    expect(sent.length).toBeGreaterThanOrEqual(2);
    expect(sent.length).toBeLessThanOrEqual(3);
    expect(leader.raft.status().role).toBe('leader');
    const unused = only(told, 'unused-snapshot').map(({ event }) => event);
    const index = sent[0]?.event.metadata.index;
    expect(unused).toEqual([
      { type: 'unused-snapshot', member: newcomer, index, times: 1, pauseMs: 2000 },
      { type: 'unused-snapshot', member: newcomer, index, times: 2, pauseMs: 4000 },
    ]);
  });

  it('is sent when the pause is over, with the next answer to a heartbeat', async () => {
    const { told } = await leaderAndLearner();
    world.wire.ignoringSnapshots.add(newcomer);
    await world.start(newcomer, undefined);
    await world.pass(40 * secondMs);
    const pauses = only(told, 'unused-snapshot').map(({ event }) => event.pauseMs);
    const gaps = gapsMs(told, 'snapshot-sent');
    expect(gaps.length).toBeGreaterThanOrEqual(4);
    for (const [at, gapMs] of gaps.entries()) {
      expect(gapMs).toBeGreaterThanOrEqual(pauses[at] ?? Infinity);
      expect(gapMs).toBeLessThan((pauses[at] ?? 0) + secondMs);
    }
  });

  it('also where the leader makes newer ones meanwhile: each is the next one to be sent', async () => {
    const { leader, told } = await leaderAndLearner();
    world.wire.ignoringSnapshots.add(newcomer);
    await world.start(newcomer, undefined);
    for (let round = 0; round < 12; round += 1) {
      await propose(leader, 25);
      await world.pass(500);
    }
    expect(only(told, 'snapshot-taken').length).toBeGreaterThan(6);
    const indexes = only(told, 'snapshot-sent').map(({ event }) => event.metadata.index);
    expect(indexes.length).toBeLessThanOrEqual(3);
    expect(indexes).toEqual(indexes.toSorted((a, b) => a - b));
    expect(new Set(indexes).size).toBe(indexes.length);
  });

  it('one that is used ends the pauses: the next time that it is needed one is sent at once', async () => {
    const { leader, told } = await leaderAndLearner();
    world.wire.ignoringSnapshots.add(newcomer);
    const member = await world.start(newcomer, undefined);
    await world.pass(minuteMs);
    world.wire.ignoringSnapshots.clear();
    await world.until(member.raft.waitForApplied(leader.raft.status().lastIndex));
    const before = only(told, 'unused-snapshot').length;
    expect(before).toBeGreaterThan(3);
    await fallBehind(leader);
    await world.pass(secondMs);
    expect(member.machine.texts).toHaveLength(100);
    expect(only(told, 'unused-snapshot')).toHaveLength(before);
  });

  it('a member that could not be reached meanwhile may have restarted: it waits for the first pause only', async () => {
    const { leader, told } = await leaderAndLearner();
    world.wire.ignoringSnapshots.add(newcomer);
    await world.start(newcomer, undefined);
    await world.pass(40 * secondMs);
    const before = only(told, 'snapshot-sent').length;
    world.wire.tellUnreachable(leader.raft.nodeId, newcomer);
    // Reporting it again and again neither shortens nor extends the pause.
    for (let at = 0; at < 15; at += 1) {
      await world.pass(100);
      world.wire.tellUnreachable(leader.raft.nodeId, newcomer);
    }
    expect(only(told, 'snapshot-sent')).toHaveLength(before);
    await world.pass(secondMs);
    expect(only(told, 'snapshot-sent')).toHaveLength(before + 1);
  });

  it('a pause holds up nothing: the node stops, and a removed member is not sent to any more', async () => {
    const { leader, told } = await leaderAndLearner();
    world.wire.ignoringSnapshots.add(newcomer);
    await world.start(newcomer, undefined);
    await world.pass(10 * secondMs);
    const before = only(told, 'snapshot-sent').length;
    await propose(leader, 3);
    await world.until(leader.raft.removePeer(newcomer));
    await world.pass(minuteMs);
    expect(only(told, 'snapshot-sent')).toHaveLength(before);
    await world.until(leader.raft.shutdown());
  });

  it('another leader begins with the first pause', async () => {
    world = new World({ snapshotEntries: 20, compactionMargin: 0, snapshotsKept: 2 });
    await world.startAll(3);
    const first = await world.leader();
    await propose(first, 50);
    await world.until(first.raft.addLearner({ id: newcomer, address: `address-${newcomer}` }));
    world.wire.ignoringSnapshots.add(newcomer);
    await world.start(newcomer, undefined);
    await world.pass(20 * secondMs);
    const second = await world.follower();
    const told = watch(second);
    await world.until(first.raft.transferLeader(second.raft.nodeId));
    await world.pass(5 * secondMs);
    expect(second.raft.status().role).toBe('leader');
    const unused = only(told, 'unused-snapshot').map(({ event }) => event.times);
    expect(unused[0]).toBe(1);
    // The pauses also begin anew when the first leader leads again.
    const again = watch(first);
    await world.until(second.raft.transferLeader(first.raft.nodeId));
    await world.pass(5 * secondMs);
    expect(only(again, 'unused-snapshot').map(({ event }) => event.times)[0]).toBe(1);
  });
});

describe('a snapshot that does not arrive', () => {
  it('is sent again after pauses that double from an election timeout, up to ten of them', async () => {
    const { leader, told } = await leaderAndLearner();
    world.wire.refusingSnapshots.add(newcomer);
    const member = await world.start(newcomer, undefined);
    await world.pass(minuteMs);
    expect(only(told, 'snapshot-sent').every(({ event }) => !event.arrived)).toBe(true);
    const gaps = gapsMs(told, 'snapshot-sent').map((gapMs) => Math.floor(gapMs / secondMs));
    expect(gaps.slice(0, 7)).toEqual([1, 2, 4, 8, 10, 10, 10]);
    world.wire.refusingSnapshots.clear();
    await world.pass(11 * secondMs);
    expect(member.machine.texts).toHaveLength(50);
    expect(only(told, 'unused-snapshot')).toEqual([]);
    await fallBehind(leader);
    world.wire.refusingSnapshots.add(newcomer);
    await world.pass(500);
    world.wire.refusingSnapshots.clear();
    // The failures before it do not count any more.
    await world.pass(2 * secondMs);
    expect(member.machine.texts).toHaveLength(100);
  });

  it('because the one that names the member cannot be made: the state machine is not asked ten times a second', async () => {
    world = new World({ snapshotEntries: Infinity, compactionMargin: 0 });
    await world.startAll(1);
    const leader = await world.leader();
    const told = watch(leader);
    await propose(leader, 5);
    leader.machine.saveSnapshot = async () => {
      throw new Error('no state to be had');
    };
    await world.until(leader.raft.addLearner({ id: newcomer, address: `address-${newcomer}` }));
    await world.start(newcomer, undefined);
    await world.pass(10 * secondMs);
    const failed = only(told, 'snapshot-failed').length;
    expect(failed).toBeGreaterThanOrEqual(2);
    expect(failed).toBeLessThanOrEqual(5);
  });
});

/** The new member misses 50 entries and needs a snapshot. */
async function fallBehind(leader: Member): Promise<void> {
  world.wire.cut.add(newcomer);
  await propose(leader, 50);
  await world.until(leader.raft.manualSnapshot());
  world.wire.cut.clear();
}

describe('a warning', () => {
  it('names the member, where it is, how often, and when the next one is sent', async () => {
    const lines: string[] = [];
    const warn = (line: string): unknown => lines.push(line);
    const logger: Logger = { debug() {}, info() {}, error() {}, warn };
    const { leader } = await leaderAndLearner();
    const again = await restartWith(leader, logger);
    world.wire.ignoringSnapshots.add(newcomer);
    await world.start(newcomer, undefined);
    await world.pass(1500);
    const index = again.raft.status().snapshot?.index;
    expect(lines).toEqual([
      `member ${newcomer} has received the snapshot at index ${index} and does not use it: its log is ` +
        'known to match up to index 0. The next snapshot is sent to it in 2000 ms (unused so far: 1). ' +
        'Read the log lines of that member. If it belongs to another cluster, remove it, empty its ' +
        'directory, and add it under a new id.',
    ]);
  });
});

async function restartWith(member: Member, logger: Logger): Promise<Member> {
  await world.until(member.raft.shutdown());
  const again = await world.until(world.start(1n, undefined, member, {}, undefined, { logger }));
  await world.leader();
  return again;
}
