/** Invalid arguments of a start: each is refused by name, before anything is written. */
import { SeededRandom } from '@babuza/testkit';
import { MemoryStore, walBackend } from '@babuza/wal-memory';
import { describe, expect, it } from 'vitest';
import {
  bootstrapRaftCluster,
  defaultBabuzaConfig,
  type AppliedEntry,
  type BabuzaConfig,
  type DiskStateMachine,
  type PeersConfiguration,
  type RaftComponent,
} from '../src/index.ts';
import { bytesOf, ListMachine, MapSnapshots, PlainSessions, World } from './support.ts';

const peers = [{ id: 1n, address: 'a' }];

async function componentOf(world: World): Promise<RaftComponent> {
  return {
    clusterId: 1n,
    walManager: await walBackend.open('/memory', { store: new MemoryStore() }),
    snapshotManager: new MapSnapshots(),
    sessionManager: new PlainSessions(),
    transport: world.wire.transport(1n),
    clock: world.clock,
    random: new SeededRandom(1),
  };
}

/** A value as a program without a type checker would pass it. */
const untyped = (value: unknown) => Reflect.get(Object({ value }), 'value');

const refusal = (says: string): unknown =>
  expect.objectContaining({ code: 'RAFT_CONFIG', message: expect.stringContaining(says) });

describe('the configuration', () => {
  const wrong: [Partial<Record<keyof BabuzaConfig, unknown>> | { unknown: 1 }, string][] = [
    [{ tickMs: '100' }, "tickMs must be a number above 0 and at most 60,000; got '100'"],
    [{ tickMs: true }, 'tickMs must be'],
    [{ tickMs: Symbol('s') }, 'tickMs must be'],
    [{ tickMs: 10n }, 'tickMs must be'],
    [{ learnerReadyShare: null }, 'learnerReadyShare must be a number from 0 to 1; got null'],
    [{ learnerReadyShare: [] }, 'learnerReadyShare must be'],
    [{ leaderStallShare: 0 }, 'leaderStallShare must be a number above 0 and at most 1; got 0'],
    [{ leaderStallShare: 1.5 }, 'leaderStallShare must be'],
    [{ leaderStallShare: NaN }, 'leaderStallShare must be'],
    [{ leaderStallShare: '0.5' }, 'leaderStallShare must be'],
    [{ electionTicks: Object.create(null) }, 'electionTicks must be'],
    [{ checkQuorum: 'false' }, "checkQuorum must be true or false; got 'false'"],
    [{ preVote: undefined }, 'preVote must be true or false; got undefined'],
    [{ forwardProposals: 0 }, 'forwardProposals must be'],
    [{ leaseReads: null }, 'leaseReads must be'],
    [{ refuseUncertainTail: 'no' }, 'refuseUncertainTail must be'],
    // Node.js fires a timer with a longer time at once.
    [{ forwardTimeoutMs: 2 ** 31 }, 'forwardTimeoutMs must be an integer from 1 to 2147483647'],
    [{ readTimeoutMs: 2 ** 31 }, 'readTimeoutMs must be'],
    [{ readRetryMs: 2 ** 53 - 1 }, 'readRetryMs must be'],
    [{ unknown: 1 }, 'unknown must be left out'],
  ];

  it.each(wrong)('with %o is refused', async (fields, says) => {
    const world = new World();
    const config = { ...defaultBabuzaConfig(1, 1, 'a'), ...fields };
    const starting = bootstrapRaftCluster(
      untyped(config),
      peers,
      new ListMachine(),
      await componentOf(world),
    );
    await expect(starting).rejects.toEqual(refusal(says));
  });

  it.each([undefined, null, 5])('that is %s is refused', async (config) => {
    const component = await componentOf(new World());
    const starting = bootstrapRaftCluster(untyped(config), peers, new ListMachine(), component);
    await expect(starting).rejects.toEqual(refusal('the configuration must be an object'));
  });

  it.each([
    ['abc', 1, 'clusterId'],
    ['', 1, 'clusterId'],
    [1.5, 1, 'clusterId'],
    [-1, 1, 'clusterId'],
    [undefined, 1, 'clusterId'],
    [1, null, 'nodeId'],
    [1, 0, 'nodeId'],
    [1, 2 ** 60, 'nodeId'],
    [1, true, 'nodeId'],
  ])('of defaults for cluster %s and node %s names the field', (clusterId, nodeId, field) => {
    const make = (): unknown => defaultBabuzaConfig(untyped(clusterId), untyped(nodeId), 'a');
    expect(make).toThrow(refusal(`${field} must be`));
  });
});

describe('the first members', () => {
  const wrong: [unknown, string][] = [
    ['1', "peers must be a list of members; got '1'"],
    [new Map([[1n, 'a']]), 'peers must be a list'],
    [[null], 'peers[0] must be a member'],
    [
      [
        { id: 1n, address: 'a' },
        { id: 2, address: 'b' },
      ],
      'peers[1].id must be a bigint',
    ],
    [[{ id: 1n, address: ['a'] }], 'peers[0].address must be'],
    [[{ id: 1n }], 'peers[0].address must be'],
  ];

  it.each(wrong)(
    'that are %o are refused, and the next start is not disturbed',
    async (given, says) => {
      const world = new World();
      const disk = { store: new MemoryStore(), snapshots: new MapSnapshots() };
      await expect(world.start(1n, untyped(given), disk)).rejects.toEqual(refusal(says));
      const { raft } = await world.start(1n, [{ id: 1n, address: 'address-1' }], disk);
      await world.until(raft.waitForLeader());
      await world.close();
    },
  );

  it('that are others than those of a start that did not end are refused: what it has left would count', async () => {
    const world = new World();
    const disk = { store: new MemoryStore(), snapshots: new MapSnapshots() };
    world.faults.save = new Error('the disk is gone');
    const two: PeersConfiguration = [1n, 2n].map((id) => ({ id, address: `address-${id}` }));
    await expect(world.start(1n, two, disk)).rejects.toThrow('the disk is gone');
    world.faults.save = undefined;
    await expect(world.start(1n, [{ id: 1n, address: 'address-1' }], disk)).rejects.toMatchObject({
      code: 'RAFT_STATE_UNREADABLE',
    });
    for (const { id } of two) await world.start(id, two, id === 1n ? disk : undefined);
    await world.leader();
    await world.close();
  });
});

describe('the state machine', () => {
  const complete = new ListMachine();
  const { texts } = complete;
  const wrong: [unknown, string][] = [
    [undefined, 'stateMachine must be an object; got undefined'],
    [
      { kind: 'memroy', texts },
      "stateMachine.kind must be 'memory', 'concurrent' or 'disk'; got 'memroy'",
    ],
    [{ kind: 'memory' }, 'stateMachine.apply must be a method'],
    [
      Object.assign(new ListMachine(), { kind: 'concurrent' }),
      'stateMachine.prepareSnapshot must be',
    ],
    [
      Object.assign(new ListMachine(), { kind: 'disk', prepareSnapshot: () => 0 }),
      'stateMachine.open must be',
    ],
    [Object.assign(new ListMachine(), { close: undefined }), 'stateMachine.close must be'],
  ];

  it.each(wrong)('that is %o is refused', async (machine, says) => {
    const component = await componentOf(new World());
    const starting = bootstrapRaftCluster(
      defaultBabuzaConfig(1, 1, 'a'),
      peers,
      untyped(machine),
      component,
    );
    await expect(starting).rejects.toEqual(refusal(says));
  });

  it.each([
    undefined,
    {},
    { appliedIndex: undefined },
    { appliedIndex: Number.NaN },
    { appliedIndex: '1' },
    { appliedIndex: -1 },
    { appliedIndex: 1.5 },
  ])('on disk that has applied %o does not start: nothing may be passed over', async (opened) => {
    const world = new World();
    const applied: AppliedEntry[] = [];
    const machine: DiskStateMachine = {
      kind: 'disk',
      open: async () => untyped(opened),
      apply: (entries) => entries.map((entry) => (applied.push(entry), bytesOf('done'))),
      query: () => applied,
      prepareSnapshot: () => undefined,
      saveSnapshot: async () => undefined,
      restoreSnapshot: async () => undefined,
      close: () => undefined,
    };
    const component = await componentOf(world);
    const starting = bootstrapRaftCluster(
      defaultBabuzaConfig(1, 1, 'a'),
      peers,
      machine,
      component,
    );
    await expect(starting).rejects.toMatchObject({ code: 'RAFT_STATE_MACHINE_FAILED' });
  });
});

describe('the parts', () => {
  it.each([
    'walManager',
    'snapshotManager',
    'sessionManager',
    'transport',
    'clock',
    'random',
  ] as const)('without %s are refused', async (part) => {
    const component = { ...(await componentOf(new World())), [part]: undefined };
    const config = defaultBabuzaConfig(1, 1, 'a');
    const starting = bootstrapRaftCluster(config, peers, new ListMachine(), untyped(component));
    await expect(starting).rejects.toEqual(refusal(`component.${part} must have the method`));
  });

  it('that are missing methods are refused', async () => {
    const config = defaultBabuzaConfig(1, 1, 'a');
    const starting = bootstrapRaftCluster(config, peers, new ListMachine(), untyped(undefined));
    await expect(starting).rejects.toEqual(refusal('component must be an object'));
  });
});
