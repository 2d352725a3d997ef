/** A member that returns with another log than the one that the cluster has bound to its id. */
import { SeededRandom } from '@babuza/testkit';
import { MemoryStore, walBackend } from '@babuza/wal-memory';
import { afterEach, expect, it } from 'vitest';
import { decodeIdentityRecord } from '../../src/identity/identity-record.ts';
import { decodeSnapshotOwner } from '../../src/identity/snapshot-owner.ts';
import { bytesOf, handlersOf, MapSnapshots, newGate, World } from '../support.ts';

let world: World;

afterEach(() => world.close());

const otherLog = { code: 'RAFT_OTHER_LOG', message: expect.stringContaining('member 2') };

it('stops when a snapshot tells that its id belongs to another log', async () => {
  world = new World({ snapshotEntries: 10, compactionMargin: 0 });
  const handlers = handlersOf(world);
  const only = await world.start(1n, [{ id: 1n, address: 'address-1' }]);
  await world.until(only.raft.waitForLeader());
  const first = await world.start(2n, undefined);
  await world.until(only.raft.addLearner({ id: 2n, address: 'address-2' }));
  // The simulated network of this test does not exchange introductions.
  expect(handlers.get(1n)?.admit(2n, handlers.get(2n)?.introduction())).toBeUndefined();
  await world.pass(1000);
  for (let at = 0; at < 20; at += 1) await world.until(only.raft.propose(bytesOf(`${at}`)));
  await world.until(only.raft.manualSnapshot());
  await world.pass(1000);
  expect(first.raft.status().appliedIndex).toBe(only.raft.status().appliedIndex);
  await world.until(first.raft.shutdown());
  // A restarted leader does not remember what the member had acknowledged.
  const again = await world.restart(1n);
  await world.until(again.raft.waitForLeader());
  const disk = { store: new MemoryStore(), snapshots: new MapSnapshots() };
  // By default the random numbers are seeded with the id, and both logs would get the same log id.
  const others = { random: new SeededRandom(77) };
  const second = await world.start(2n, undefined, disk, {}, undefined, others);
  await expect(world.until(second.raft.whenStopped())).rejects.toMatchObject({ cause: otherLog });
});

it('stops when an entry tells that its id belongs to another log', async () => {
  world = new World();
  const handlers = handlersOf(world);
  const only = await world.start(1n, [{ id: 1n, address: 'address-1' }]);
  await world.until(only.raft.waitForLeader());
  const member = await world.start(2n, undefined);
  await world.until(only.raft.addLearner({ id: 2n, address: 'address-2' }));
  await world.pass(1000);
  const introduction = JSON.parse(handlers.get(2n)?.introduction() ?? '');
  const copy = { ...introduction, logId: 'd'.repeat(32) };
  expect(handlers.get(1n)?.admit(2n, JSON.stringify(copy))).toBeUndefined();
  await expect(world.until(member.raft.whenStopped())).rejects.toMatchObject({ cause: otherLog });
});

it('says of itself after its end what it said last, and reads nothing for it', async () => {
  world = new World();
  const handlers = handlersOf(world);
  const { raft } = await world.start(1n, [{ id: 1n, address: 'address-1' }]);
  await world.until(raft.waitForLeader());
  await world.until(raft.propose(bytesOf('a')));
  const handler = handlers.get(1n);
  const last = raft.status().lastIndex;
  await world.until(raft.shutdown());
  const told = handler?.introduction();
  expect(JSON.parse(told ?? '')).toMatchObject({ lastIndex: last, commitIndex: last });
  await world.pass(5000);
  expect(handler?.introduction()).toBe(told);
  // A closed log is not used to judge a member.
  expect(handler?.admit(2n, 'no introduction')).toBeUndefined();
});

it('has ended when both of its records say how far its log is', async () => {
  world = new World();
  const disk = { store: new MemoryStore(), snapshots: new MapSnapshots() };
  const walManager = await walBackend.open('/memory', { store: disk.store });
  const write = walManager.writeIdentity.bind(walManager);
  const gate = newGate();
  let isHeld = false;
  const others = {
    walManager: Object.assign(walManager, {
      writeIdentity: async (...given: Parameters<typeof write>) => {
        if (isHeld) await gate.passed;
        await write(...given);
      },
    }),
  };
  const peers = [{ id: 1n, address: 'address-1' }];
  const { raft } = await world.start(1n, peers, disk, {}, undefined, others);
  await world.until(raft.waitForLeader());
  await world.until(raft.propose(bytesOf('a')));
  const { lastIndex } = raft.status();
  isHeld = true;
  let hasEnded = false;
  const ending = raft.shutdown().then(() => (hasEnded = true));
  await world.pass(100);
  expect(hasEnded).toBe(false);
  gate.open();
  await world.until(ending);
  const folder = decodeSnapshotOwner(disk.snapshots.identity ?? new Uint8Array(0));
  const again = await walBackend.open('/memory', { store: disk.store });
  const record = decodeIdentityRecord((await again.readIdentity()) ?? new Uint8Array(0));
  expect([folder.committedIndex, record.committedIndex]).toEqual([lastIndex, lastIndex]);
  await again.close();
});
