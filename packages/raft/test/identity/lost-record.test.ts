/** A log without an identity of its own, such as one in etcd's format, whose record is lost. */
import type { WalManager } from '@babuza/wal-core';
import { MemoryStore, walBackend } from '@babuza/wal-memory';
import { expect, it } from 'vitest';
import { bytesOf, MapSnapshots, World, type Member } from '../support.ts';

const peers = [{ id: 1n, address: 'address-1' }];

it('is adopted on purpose: the snapshots tell which log and which cluster it is', async () => {
  const world = new World();
  const disk = { store: new MemoryStore(), snapshots: new MapSnapshots() };
  const start = async (hasRecord: boolean, adoptIdentity: boolean): Promise<Member> => {
    const manager = await walBackend.open('/memory', { store: disk.store });
    const walManager = withoutIdentity(manager, hasRecord);
    return world.start(1n, peers, disk, { adoptIdentity }, undefined, { walManager });
  };
  const first = await start(true, false);
  await world.leader();
  await world.until(first.raft.propose(bytesOf('a')));
  await world.until(first.raft.manualSnapshot());
  await world.until(first.raft.propose(bytesOf('b')));
  const { identity } = first.raft.clusterInfo();
  await world.until(first.raft.shutdown());
  const refused = start(false, false);
  await expect(refused).rejects.toMatchObject({ code: 'RAFT_IDENTITY_UNKNOWN' });
  const adopted = await start(false, true);
  await world.leader();
  expect(adopted.raft.clusterInfo().identity).toEqual(identity);
  await world.until(adopted.raft.shutdown());
  const last = await start(true, false);
  await world.leader();
  await world.until(last.raft.propose(bytesOf('c')));
  expect(last.machine.texts).toEqual(['a', 'b', 'c']);
  await world.close();
});

function withoutIdentity(manager: WalManager, hasRecord: boolean): WalManager {
  const create = manager.createWal.bind(manager);
  const read = manager.readIdentity.bind(manager);
  return Object.assign(manager, {
    createWal: (...[metadata, options]: Parameters<WalManager['createWal']>) =>
      create({ ...metadata, identity: undefined }, options),
    readIdentity: (...given: Parameters<WalManager['readIdentity']>) =>
      hasRecord ? read(...given) : Promise.resolve(undefined),
  });
}
