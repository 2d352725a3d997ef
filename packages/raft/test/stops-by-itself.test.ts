/**
 * A node that stops by itself gives the reason in its log, and to a program that waits for its end.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { bytesOf, newGate, World } from './support.ts';

let world: World;

afterEach(async () => {
  // A node whose log is lost has stopped by itself already.
  await world.close();
});

describe('a state machine that throws', () => {
  it('stops its node with an error line and a rejection, whether a caller waits or not', async () => {
    world = new World();
    await world.startAll(1);
    const { raft } = await world.leader();
    const stopped = raft.whenStopped();
    stopped.catch(() => undefined);
    await expect(world.until(raft.propose(bytesOf('boom!')))).rejects.toMatchObject({
      code: 'RAFT_OUTCOME_UNKNOWN',
    });
    const cause = { code: 'RAFT_STATE_MACHINE_FAILED' };
    await expect(world.until(stopped)).rejects.toMatchObject({ code: 'RAFT_STOPPED', cause });
    // It also holds for a program that asks later.
    await expect(raft.whenStopped()).rejects.toMatchObject({ code: 'RAFT_STOPPED', cause });
    const lines = world.logged('error', 'the node has stopped on an error');
    expect(lines).toHaveLength(1);
    // The text suffices for a logger that does not show the fields of an error.
    expect(lines[0]?.message).toContain('RAFT_STATE_MACHINE_FAILED: apply of entries');
    expect(lines[0]?.message).toContain('because of: the machine cannot do this');
    expect(lines[0]?.fields).toMatchObject({ nodeId: 1n, error: cause });
  });

  it('is told at once, also where its node cannot end because another part hangs', async () => {
    world = new World();
    await world.startAll(1);
    const { raft, machine } = await world.leader();
    const gate = newGate();
    Object.assign(machine, { close: () => gate.passed });
    await expect(world.until(raft.propose(bytesOf('boom!')))).rejects.toThrow();
    expect(world.logged('error', 'the node has stopped on an error')).toHaveLength(1);
    gate.open();
  });
});

describe('a node that was asked to stop', () => {
  it('resolves for a program that waits, and logs no error', async () => {
    world = new World();
    await world.startAll(1);
    const { raft } = await world.leader();
    const stopped = raft.whenStopped();
    const controller = new AbortController();
    const reason = new Error('enough of it');
    const waited = raft.whenStopped({ signal: controller.signal });
    controller.abort(reason);
    await expect(waited).rejects.toBe(reason);
    await world.until(raft.shutdown());
    await stopped;
    expect(world.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });
});
