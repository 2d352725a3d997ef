/** Restoring a snapshot of another member, with a state machine that takes its time. */
import { afterEach, describe, expect, it } from 'vitest';
import { bytesOf, newGate, World, type Member } from './support.ts';

let world: World;

afterEach(() => world.close());

interface Restoring {
  readonly member: Member;
  /** The text that was acknowledged last, which the snapshot contains. */
  readonly newest: number;
  readonly goOn: () => void;
}

/**
 * A member that was partitioned, and whose state machine waits in the middle of the snapshot that
 * it gets.
 */
async function restoringMember(): Promise<Restoring> {
  world = new World({ snapshotEntries: 20, compactionMargin: 5, snapshotsKept: 2 });
  await world.startAll(3);
  const { raft } = await world.leader();
  const member = await world.follower();
  world.wire.cut.add(member.raft.nodeId);
  for (let at = 0; at < 100; at += 1) await world.until(raft.propose(bytesOf(`t${at}`)));
  const { index: newest } = await world.until(raft.manualSnapshot());
  const gate = newGate();
  const began = newGate();
  const restore = member.machine.restoreSnapshot.bind(member.machine);
  member.machine.restoreSnapshot = async (reader) => {
    began.open();
    await gate.passed;
    await restore(reader);
  };
  world.wire.cut.clear();
  await world.until(began.passed);
  return { member, newest, goOn: gate.open };
}

describe('while a state machine restores a snapshot', () => {
  it('no linearizable read is answered from the state before it', async () => {
    const { member, goOn } = await restoringMember();
    const read = member.raft.read(undefined);
    await world.pass(1000);
    goOn();
    expect((await world.until(read)).at(-1)).toBe('t99');
  });

  it('more snapshots may come than are kept: it restores one after the other', async () => {
    const { member, newest, goOn } = await restoringMember();
    const { raft } = await world.leader();
    const { nodeId } = member.raft;
    for (let round = 0; round < 4; round += 1) {
      world.wire.cut.add(nodeId);
      for (let at = 0; at < 100; at += 1) await world.until(raft.propose(bytesOf(`r${round}`)));
      await world.until(raft.manualSnapshot());
      world.wire.cut.delete(nodeId);
      await world.pass(3000);
    }
    expect(member.raft.status().firstIndex).toBeGreaterThan(newest + 300);
    goOn();
    await world.pass(3000);
    expect(member.raft.readiness()).toMatchObject({ ready: true });
    expect(member.machine.texts).toEqual((await world.leader()).machine.texts);
  });

  it('no caller is told that the index of the snapshot was applied', async () => {
    const { member, newest, goOn } = await restoringMember();
    let isApplied = false;
    const waiting = member.raft.waitForApplied(newest).then(() => {
      isApplied = true;
    });
    await world.pass(200);
    expect([isApplied, member.raft.status().appliedIndex < newest]).toEqual([false, true]);
    goOn();
    await world.until(waiting);
    expect(member.machine.texts.at(-1)).toBe('t99');
  });
});
