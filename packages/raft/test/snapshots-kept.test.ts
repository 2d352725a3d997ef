/** How many snapshots are kept: the configured number of those that a start can use. */
import { afterEach, describe, expect, it } from 'vitest';
import { bytesOf, World } from './support.ts';

let world: World;

afterEach(() => world.close());

describe('a snapshot that was received and not installed', () => {
  it('does not displace one that a start can use', async () => {
    world = new World({ snapshotEntries: 20, compactionMargin: 5, snapshotsKept: 2 });
    await world.startAll(1);
    const member = await world.leader();
    for (let at = 0; at < 50; at += 1) await world.until(member.raft.propose(bytesOf(`t${at}`)));
    // Its files are durable; the core had committed more already, because the entries had arrived
    // before.
    const received = member.snapshots.list().at(-1);
    if (received === undefined) throw new Error('there is no snapshot');
    const metadata = { ...received.metadata, index: 100_000 };
    member.snapshots.stored.push({ snapshot: { ...received, metadata }, files: new Map() });
    for (let at = 50; at < 150; at += 1) await world.until(member.raft.propose(bytesOf(`t${at}`)));
    const newest = member.raft.status().snapshot?.index ?? 0;
    member.snapshots.damaged.add(newest);
    const again = await world.restart(1n);
    await world.leader();
    await world.pass(1000);
    expect(again.machine.texts).toHaveLength(150);
  });
});
