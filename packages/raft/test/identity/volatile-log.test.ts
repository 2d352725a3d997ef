import { MemoryStore } from '@babuza/wal-memory';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { bytesOf, World } from '../support.ts';

const peers = [{ id: 1n, address: 'address-1' }];
let world: World;

beforeEach(() => {
  world = new World();
});

afterEach(() => world.close());

it('a log that was lost with its process is not begun anew beside durable snapshots', async () => {
  const first = await world.start(1n, peers);
  await world.leader();
  await world.until(first.raft.propose(bytesOf('x')));
  await world.until(first.raft.manualSnapshot());
  await world.until(first.raft.shutdown());
  world.members.clear();
  const { snapshots } = first;
  const again = world.start(1n, peers, { store: new MemoryStore(), snapshots });
  await expect(again).rejects.toMatchObject({
    code: 'RAFT_LOG_LOST',
    message: expect.stringMatching(/A log in memory does not survive its process/),
  });
});
