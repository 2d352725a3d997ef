/**
 * A state machine that does not answer, or falls behind: readiness and an event report it, and the
 * node can still be shut down.
 */
import { afterEach, describe, expect, it } from 'vitest';
import {
  bootstrapRaftCluster,
  defaultBabuzaConfig,
  type ApplyResult,
  type RaftEvent,
} from '../src/index.ts';
import { bytesOf, ListMachine, newGate, World, type Gate, type Member } from './support.ts';

let world: World;
let gate: Gate;

afterEach(async () => {
  gate?.open();
  await world.close();
});

type BehindEvent = Extract<RaftEvent, { type: 'state-machine-behind' }>;

/** A cluster of one or more; `apply` of the leader waits for the gate from now on. */
async function withHeldMachine(
  config: ConstructorParameters<typeof World>[0] = {},
  count = 1,
): Promise<Member & { events: BehindEvent[] }> {
  world = new World(config);
  await world.startAll(count);
  const member = await world.leader();
  const { raft, machine } = member;
  const events: BehindEvent[] = [];
  raft.subscribe((event) => {
    if (event.type === 'state-machine-behind') events.push(event);
  });
  await world.until(raft.propose(bytesOf('before')));
  gate = newGate();
  const apply = machine.apply.bind(machine);
  Object.assign(machine, {
    apply: async (...given: Parameters<typeof apply>): Promise<ApplyResult[]> => {
      await gate.passed;
      return apply(...given);
    },
  });
  return { ...member, events };
}

describe('a state machine that never answers', () => {
  it('makes its node unready after the bound and not before, and is told once; so is its recovery', async () => {
    const { raft, events } = await withHeldMachine({ applyLagMsMax: 5000 });
    const proposal = raft.propose(bytesOf('held'));
    await world.pass(4000);
    expect(raft.readiness()).toEqual({ ready: true });
    expect(events).toEqual([]);
    await world.pass(2000);
    expect(raft.readiness()).toMatchObject({
      ready: false,
      reason: expect.stringContaining('the state machine is behind'),
    });
    await world.pass(20_000);
    expect(events).toMatchObject([{ behind: true }]);
    expect(events[0]?.lagMs).toBeGreaterThanOrEqual(5000);
    expect(events[0]?.commitIndex).toBe((events[0]?.appliedIndex ?? 0) + 1);
    expect(raft.status().applyLagMs).toBeGreaterThan(20_000);
    expect(world.logged('warn', 'the state machine is behind')).toHaveLength(1);
    gate.open();
    await world.until(proposal);
    await world.pass(1000);
    expect(raft.readiness()).toEqual({ ready: true });
    expect(raft.status().applyLagMs).toBe(0);
    expect(events).toMatchObject([{ behind: true }, { behind: false }]);
  });

  it('is not found where the bound is infinite', async () => {
    const { raft, events } = await withHeldMachine({ applyLagMsMax: Infinity });
    raft.propose(bytesOf('held')).catch(() => undefined);
    await world.pass(100_000);
    expect(raft.readiness()).toEqual({ ready: true });
    expect(events).toEqual([]);
  });

  it('is not blamed for a process that stood still', async () => {
    const { raft, events } = await withHeldMachine({ applyLagMsMax: 5000 });
    raft.propose(bytesOf('held')).catch(() => undefined);
    await world.pass(1000);
    const monotonicMs = world.clock.monotonicMs.bind(world.clock);
    world.clock.monotonicMs = () => monotonicMs() + 60_000;
    await world.pass(500);
    expect(events).toEqual([]);
    await world.pass(6000);
    expect(events).toMatchObject([{ behind: true }]);
  });
});

describe('a state machine that falls further behind with every entry', () => {
  it('is told, although it answers all the time, and once it has caught up', async () => {
    world = new World({ applyLagMsMax: 2000, applyBytesMax: 1 });
    await world.startAll(1);
    const { raft, machine } = await world.leader();
    const behind: boolean[] = [];
    raft.subscribe((event) => {
      if (event.type === 'state-machine-behind') behind.push(event.behind);
    });
    const apply = machine.apply.bind(machine);
    // Each entry takes 100 ms, and one comes every 50 ms.
    Object.assign(machine, {
      apply: async (entries: Parameters<typeof apply>[0]): Promise<ApplyResult[]> => {
        await world.clock.sleep(100 * entries.length);
        return apply(entries);
      },
    });
    const proposals: Promise<unknown>[] = [];
    for (let at = 0; at < 200; at += 1) {
      proposals.push(raft.propose(bytesOf(`${at}`)));
      await world.pass(50);
    }
    expect(behind).toEqual([true]);
    expect(raft.readiness().ready).toBe(false);
    await world.until(Promise.all(proposals));
    await world.pass(1000);
    expect(behind).toEqual([true, false]);
    expect(raft.readiness()).toEqual({ ready: true });
  });
});

describe('shutdown', () => {
  const left = 'the state machine (an apply or a restore is under way), the state machine (close)';

  it('ends after the time of the configuration, and names what it left', async () => {
    const { raft, machine } = await withHeldMachine({ shutdownTimeoutMs: 3000 });
    raft.propose(bytesOf('held')).catch(() => undefined);
    await world.pass(100);
    const startedMs = world.clock.monotonicMs();
    const expected = {
      code: 'RAFT_SHUTDOWN_TIMEOUT',
      message: expect.stringContaining(left),
    };
    await expect(world.until(raft.shutdown())).rejects.toMatchObject(expected);
    expect(world.clock.monotonicMs() - startedMs).toBeLessThanOrEqual(4000);
    // It is not closed while an apply is running.
    expect(machine.closed).toBe(0);
    expect(
      world.logged('error', 'some of its components have not closed')[0]?.fields,
    ).toMatchObject({
      left: left.split(', '),
    });
    // The shutdown was requested, so it is not a failure of the node.
    await raft.whenStopped();
    await expect(raft.shutdown()).rejects.toMatchObject(expected);
    world.members.clear();
  });

  it('gives the log back, so that another node can go on with it', async () => {
    const { raft, store, snapshots } = await withHeldMachine();
    raft.propose(bytesOf('held')).catch(() => undefined);
    await world.pass(100);
    await expect(world.until(raft.shutdown({ timeoutMs: 50 }))).rejects.toMatchObject({
      code: 'RAFT_SHUTDOWN_TIMEOUT',
    });
    const again = await world.start(1n, undefined, { store, snapshots });
    await world.leader();
    await world.until(again.raft.propose(bytesOf('after')));
    expect(again.machine.texts).toEqual(['before', 'held', 'after']);
    gate.open();
    await world.pass(100);
    expect(again.raft.readiness()).toEqual({ ready: true });
  });

  it('names the transport where that does not close, and closes everything else', async () => {
    world = new World();
    const never = (): Promise<void> => new Promise(() => undefined);
    const transport = { ...world.wire.transport(1n), close: never };
    const component = await world.component(1n, { transport });
    const machine = new ListMachine();
    const config = defaultBabuzaConfig(1, 1, 'address-1');
    const peers = [{ id: 1n, address: 'address-1' }];
    const raft = await bootstrapRaftCluster(config, peers, machine, component);
    await expect(world.until(raft.shutdown({ timeoutMs: 100 }))).rejects.toMatchObject({
      code: 'RAFT_SHUTDOWN_TIMEOUT',
      message: expect.stringContaining('did not close in time: the transport;'),
    });
    expect(machine.closed).toBe(1);
  });

  it('waits for a state machine that needs its time', async () => {
    const { raft, machine } = await withHeldMachine({ shutdownTimeoutMs: 3000 });
    const proposal = raft.propose(bytesOf('held'));
    proposal.catch(() => undefined);
    await world.pass(100);
    const stopping = raft.shutdown();
    await world.pass(2900);
    gate.open();
    await world.until(stopping);
    expect(machine.closed).toBe(1);
    expect(machine.texts).toEqual(['before', 'held']);
  });

  it('waits as long as it takes where the time is infinite', async () => {
    const { raft, machine } = await withHeldMachine({ shutdownTimeoutMs: 10 });
    raft.propose(bytesOf('held')).catch(() => undefined);
    await world.pass(100);
    const stopping = raft.shutdown({ timeoutMs: Infinity });
    await world.pass(1_000_000);
    gate.open();
    await world.until(stopping);
    expect(machine.closed).toBe(1);
  });

  it.each([0, -1, Number.NaN, 2 ** 31, '5'])('refuses a time of %o', async (timeoutMs) => {
    world = new World();
    await world.startAll(1);
    const { raft } = await world.leader();
    await expect(raft.shutdown(Object({ timeoutMs }))).rejects.toMatchObject({
      code: 'RAFT_INVALID',
    });
    expect(raft.readiness()).toEqual({ ready: true });
  });
});
