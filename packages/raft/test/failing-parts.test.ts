/**
 * Components that throw where no caller awaits them: the node stops with the cause or goes on, and
 * the process never ends.
 */
import { MessageType } from '@babuza/raftpb';
import { ReadFailedError } from '@babuza/wal-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bootstrapRaftCluster, defaultBabuzaConfig } from '../src/index.ts';
import { bytesOf, ListMachine, MapSnapshots, World } from './support.ts';

let world: World;
/** Unhandled rejections, each of which would have ended the process. */
let unhandled: unknown[];

const onUnhandled = (error: unknown): void => void unhandled.push(error);

beforeEach(() => {
  unhandled = [];
  world = new World();
  process.on('unhandledRejection', onUnhandled);
  process.on('uncaughtException', onUnhandled);
});

afterEach(async () => {
  await world.close();
  process.off('unhandledRejection', onUnhandled);
  process.off('uncaughtException', onUnhandled);
  expect(unhandled).toEqual([]);
});

const broken = new Error('broken on purpose');

/** The cause for which the first member stops. */
function firstCause(): Promise<unknown> {
  return new Promise((resolve) => {
    for (const { raft } of world.members.values()) {
      raft.subscribe((event) => {
        if (event.type === 'stopped') resolve(event.cause);
      });
    }
  });
}

describe('a transport that throws', () => {
  it.each([
    ['heartbeats', MessageType.Heartbeat],
    ['answers to entries', MessageType.AppResp],
    ['requests for votes', MessageType.Vote],
    ['answers to those', MessageType.VoteResp],
  ])('at %s stops its node with the cause', async (_, type) => {
    let throws = true;
    world.wire.loses = (message) => {
      if (throws && message.type === type) throw broken;
      return false;
    };
    await world.startAll(3);
    expect(await world.until(firstCause())).toBe(broken);
    throws = false;
  });
});

describe('a source of chance that throws', () => {
  it('in the middle of a step of the core stops its node with the cause', async () => {
    let throws = false;
    const uint32 = (): number => {
      if (throws) throw broken;
      return 7;
    };
    const component = await world.component(1n, { random: { uint32 } });
    const machine = new ListMachine();
    // No other member is up: it asks for votes again and again.
    const peers = [1n, 2n].map((id) => ({ id, address: `address-${id}` }));
    const config = { ...defaultBabuzaConfig(1, 1, 'address-1'), preVote: false };
    const raft = await bootstrapRaftCluster(config, peers, machine, component);
    const stopped = new Promise<unknown>((resolve) => {
      raft.subscribe((event) => {
        if (event.type === 'stopped') resolve(event.cause);
      });
    });
    throws = true;
    expect(await world.until(stopped)).toBe(broken);
    expect(machine.closed).toBe(1);
  });
});

describe('a log that cannot be read', () => {
  const unreadable = new ReadFailedError('the disk would not read');

  it.each([
    ['at a tick', () => world.pass(5000)],
    [
      'at a read',
      async () => {
        const { raft } = await world.leader();
        const read = raft.linearizableRead();
        await expect(world.until(read)).rejects.toMatchObject({ code: 'RAFT_STOPPED' });
      },
    ],
    [
      'at a proposal',
      async () => {
        const { raft } = await world.leader();
        const proposal = world.until(raft.propose(bytesOf('a')));
        await expect(proposal).rejects.toMatchObject({ code: 'RAFT_STOPPED' });
      },
    ],
    [
      'when leadership is handed over',
      async () => {
        const [behind] = await world.followers();
        const { raft } = await world.leader();
        const transfer = world.until(raft.transferLeader(behind?.raft.nodeId));
        await expect(transfer).rejects.toMatchObject({ code: 'RAFT_STOPPED' });
      },
    ],
  ])('%s stops the node with the cause', async (_, meet) => {
    await world.startAll(3);
    const { raft } = await world.leader();
    await world.until(raft.propose(bytesOf('before')));
    await world.pass(300);
    const [behind] = await world.followers();
    if (behind !== undefined) world.wire.cut.add(behind.raft.nodeId);
    await world.until(raft.propose(bytesOf('behind')));
    const cause = firstCause();
    world.faults.read = unreadable;
    await meet();
    expect(await world.until(cause)).toMatchObject({ cause: unreadable });
  });
});

describe('a logger that throws', () => {
  it('does not affect its node, and a component that does not close is skipped', async () => {
    const fail = (): never => {
      throw broken;
    };
    const machine = new ListMachine();
    const snapshots = new MapSnapshots();
    snapshots.close = async () => fail();
    const component = await world.component(1n, {
      snapshotManager: snapshots,
      logger: { debug: fail, info: fail, warn: fail, error: fail },
    });
    const config = defaultBabuzaConfig(1, 1, 'a');
    const raft = await bootstrapRaftCluster(config, [{ id: 1n, address: 'a' }], machine, component);
    await world.until(raft.waitForLeader());
    await world.until(raft.propose(bytesOf('a')));
    await world.until(raft.shutdown());
    expect([machine.texts, machine.closed]).toEqual([['a'], 1]);
  });
});

describe('a listener', () => {
  it('that throws, or rejects, is passed over', async () => {
    await world.startAll(1);
    const { raft } = await world.leader();
    let heard = 0;
    raft.subscribe(() => {
      throw broken;
    });
    raft.subscribe(async () => {
      throw broken;
    });
    raft.subscribe(() => {
      heard += 1;
    });
    await world.until(raft.addLearner({ id: 2n, address: 'b' }));
    await world.until(raft.propose(bytesOf('a')));
    expect(heard).toBe(1);
  });

  it('that is added twice hears twice, and once when one of them is removed', async () => {
    await world.startAll(1);
    const { raft } = await world.leader();
    let heard = 0;
    const listener = (): void => {
      heard += 1;
    };
    const remove = raft.subscribe(listener);
    raft.subscribe(listener);
    await world.until(raft.addLearner({ id: 2n, address: 'b' }));
    expect(heard).toBe(2);
    remove();
    await world.until(raft.removePeer(2n));
    expect(heard).toBe(3);
  });
});

describe('a start that fails', () => {
  it.each([
    ['the transport', { transport: true }],
    ['the observer', { observer: true }],
  ])('at %s leaves nothing that runs, and closes everything once', async (_, fails) => {
    const machine = new ListMachine();
    const transport = world.wire.transport(1n);
    const component = await world.component(1n, {
      transport:
        'transport' in fails
          ? Object.assign(transport, { start: () => Promise.reject(broken) })
          : transport,
      observer:
        'observer' in fails
          ? {
              observe: () => {
                throw broken;
              },
            }
          : undefined,
    });
    const starting = bootstrapRaftCluster(
      defaultBabuzaConfig(1, 1, 'a'),
      [{ id: 1n, address: 'a' }],
      machine,
      component,
    );
    await expect(world.until(starting)).rejects.toBe(broken);
    await world.pass(10_000);
    expect([world.clock.pendingCount, machine.closed]).toEqual([0, 1]);
  });

  it('before anything runs closes the state machine as well', async () => {
    const machine = new ListMachine();
    const component = await world.component(1n);
    const starting = bootstrapRaftCluster(defaultBabuzaConfig(1, 1, 'a'), [], machine, component);
    await expect(world.until(starting)).rejects.toMatchObject({ code: 'RAFT_CONFIG' });
    expect(machine.closed).toBe(1);
  });

  it.each([
    [{ clusterId: 2n }, 'clusterId 1 differs from the component'],
    [{ nodeId: 2n }, 'nodeId 1 differs from the component'],
  ])('with parts that were made for another one is refused: %s', async (parts, problem) => {
    const machine = new ListMachine();
    const component = await world.component(1n, parts);
    const peers = [{ id: 1n, address: 'a' }];
    const starting = bootstrapRaftCluster(
      defaultBabuzaConfig(1, 1, 'a'),
      peers,
      machine,
      component,
    );
    await expect(world.until(starting)).rejects.toMatchObject({
      code: 'RAFT_CONFIG',
      message: expect.stringContaining(problem),
    });
    expect(machine.closed).toBe(1);
  });
});
