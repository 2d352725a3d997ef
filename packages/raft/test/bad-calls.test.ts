/**
 * Calls with values that a type checker would reject, and values at the limits: they are refused at
 * once and never reach the log.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '@babuza/wal-memory';
import {
  bootstrapRaftCluster,
  defaultBabuzaConfig,
  type MembershipOperation,
  type PeersConfiguration,
  type Raft,
} from '../src/index.ts';
import { bytesOf, ListMachine, MapSnapshots, World } from './support.ts';

let world: World;

afterEach(() => world.close());

/** The cluster goes on, also after a restart: the call before has left nothing in the log. */
async function expectToGoOn(): Promise<void> {
  const { raft } = await world.leader();
  await world.until(raft.propose(bytesOf('after')));
  await world.pass(1000);
  for (const id of world.members.keys()) await world.restart(id);
  await world.leader();
  await world.pass(1000);
  for (const { machine } of world.members.values()) expect(machine.texts.at(-1)).toBe('after');
}

describe('the end of a session', () => {
  it.each([-1, 2 ** 60, 1.5, Number.NaN, 0])('that has the id %s is refused', async (id) => {
    world = new World();
    await world.startAll(3);
    const { raft } = await world.leader();
    await expect(world.until(raft.unregisterSession(id))).rejects.toMatchObject({
      code: 'RAFT_INVALID',
    });
    await expectToGoOn();
  });
});

describe('waiting for an index', () => {
  it.each([Number.NaN, 1.5, 2 ** 60, Infinity])('that is %s ends at once', async (index) => {
    world = new World();
    await world.startAll(1);
    const { raft } = await world.leader();
    await expect(world.until(raft.waitForApplied(index))).rejects.toMatchObject({
      code: 'RAFT_INVALID',
    });
  });
});

/** Operations as the body of a request would give them. */
const untyped = (text: string): MembershipOperation[] =>
  JSON.parse(text, (name, value: unknown) => (name === 'id' ? BigInt(Number(value)) : value));

describe('a change of the membership', () => {
  it.each([
    '[{ "op": "set", "id": 4, "role": "observer", "address": "a" }]',
    '[{ "op": "replace", "id": 2, "name": "x", "address": "a" }]',
    '[{ "op": "service", "id": 2, "name": 5, "address": "a" }]',
  ])('with an unknown operation is refused: %s', async (text) => {
    world = new World();
    await world.startAll(3);
    const { raft } = await world.leader();
    await expect(world.until(raft.changeMembership(untyped(text)))).rejects.toMatchObject({
      code: 'RAFT_CONF_CHANGE_REFUSED',
    });
    await expectToGoOn();
  });

  it('that is larger than an entry may be is refused', async () => {
    world = new World({ entryBytesMax: 1024 });
    await world.startAll(3);
    const { raft } = await world.leader();
    const address = 'a'.repeat(1000);
    await expect(world.until(raft.addLearner({ id: 4n, address }))).rejects.toMatchObject({
      code: 'RAFT_TOO_LARGE',
    });
    await expectToGoOn();
  });
});

describe('an address that the transport refuses', () => {
  /** A transport that refuses some addresses. */
  const startWithPort = async (peers: PeersConfiguration): Promise<Raft> => {
    world = new World();
    const checkAddress = (address: string): void => {
      if (!address.includes(':')) throw new Error(`'${address}' has no port`);
    };
    const transport = Object.assign(world.wire.transport(1n), { checkAddress });
    const component = await world.component(1n, { transport });
    const config = defaultBabuzaConfig(1, 1, 'a:1');
    return bootstrapRaftCluster(config, peers, new ListMachine(), component);
  };

  it('is refused before it gets into the membership', async () => {
    const raft = await startWithPort([{ id: 1n, address: 'a:1' }]);
    await world.until(raft.waitForLeader());
    const before = raft.clusterInfo().members;
    const refused = {
      code: 'RAFT_INVALID',
      message: "the address of member 1 cannot be used: 'b' has no port",
    };
    const moving = raft.updatePeer({ id: 1n, address: 'b' });
    await expect(world.until(moving)).rejects.toMatchObject(refused);
    const joining = raft.addLearner({ id: 2n, address: 'b' });
    await expect(world.until(joining)).rejects.toMatchObject({ code: 'RAFT_INVALID' });
    expect(raft.clusterInfo().members).toEqual(before);
    await world.until(raft.addLearner({ id: 2n, address: 'b:1' }));
    await world.until(raft.shutdown());
  });

  it('is refused among the first members', async () => {
    const peers = [
      { id: 1n, address: 'a:1' },
      { id: 2n, address: 'b' },
    ];
    await expect(startWithPort(peers)).rejects.toMatchObject({
      code: 'RAFT_CONFIG',
      message: "peers[1].address cannot be used: 'b' has no port",
    });
  });
});

describe('first members', () => {
  it('with an unknown role are refused, and the next attempt begins with others', async () => {
    world = new World();
    const disk = { store: new MemoryStore(), snapshots: new MapSnapshots() };
    const peers: PeersConfiguration = JSON.parse(
      '[{ "address": "a", "role": "observer" }]',
      (name, value: unknown) => (name === '0' ? Object.assign({ id: 1n }, value) : value),
    );
    await expect(world.start(1n, peers, disk)).rejects.toMatchObject({ code: 'RAFT_CONFIG' });
    await world.start(1n, [{ id: 1n, address: 'address-1' }], disk);
    await expectToGoOn();
  });
});

describe('calls without what they need', () => {
  it('reject, as all calls that wait, and never throw synchronously', async () => {
    world = new World();
    await world.startAll(1);
    const { raft } = await world.leader();
    const names = [
      'addVotingPeer',
      'addLearner',
      'updatePeer',
      'publishApplicationService',
    ] as const;
    for (const name of [...names, 'proposeBatch'] as const) {
      const answer: unknown = Reflect.apply(raft[name], raft, []);
      await expect(answer, name).rejects.toBeInstanceOf(Error);
    }
    for (const session of ['null', '5', '{}']) {
      const options = { session: JSON.parse(session) };
      await expect(raft.propose(bytesOf('a'), options)).rejects.toMatchObject({
        code: 'RAFT_INVALID',
      });
    }
    await expectToGoOn();
  });
});
