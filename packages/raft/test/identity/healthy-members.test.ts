/** Healthy members are admitted, whatever they are doing at the moment. */
import { walBackend } from '@babuza/wal-memory';
import { afterEach, describe, expect, it } from 'vitest';
import type { TransportHandler } from '../../src/ports/index.ts';
import { decodeIdentityRecord } from '../../src/identity/identity-record.ts';
import { bytesOf, newGate, World, type Member } from '../support.ts';

let world: World;
const handlers = new Map<bigint, TransportHandler>();

afterEach(async () => {
  await world.close();
  handlers.clear();
});

async function startThree(): Promise<void> {
  world = new World();
  const peers = [1n, 2n, 3n].map((id) => ({ id, address: `address-${id}` }));
  for (const { id } of peers) {
    const transport = world.wire.transport(id);
    const start = transport.start.bind(transport);
    transport.start = async (handler, group) => {
      handlers.set(id, handler);
      await start(handler, group);
    };
    await world.start(id, peers, undefined, {}, undefined, { transport });
  }
}

function handlerOf({ raft }: Member): TransportHandler {
  const handler = handlers.get(raft.nodeId);
  if (handler === undefined) throw new Error('it was started');
  return handler;
}

describe('a member whose log is being truncated', () => {
  /** The old leader has entries that no other member has, and its disk does not answer. */
  async function truncating(): Promise<{ old: Member; next: Member; answer: () => void }> {
    await startThree();
    const old = await world.leader();
    await world.until(old.raft.propose(bytesOf('common')));
    await world.pass(100);
    world.wire.cut.add(old.raft.nodeId);
    for (let at = 0; at < 5; at += 1) {
      old.raft.propose(bytesOf(`nobody has this ${at}`)).catch(() => undefined);
    }
    const others = [...world.members.values()].filter((member) => member !== old);
    for (let step = 0; step < 100; step += 1) {
      if (others.some(({ raft }) => raft.status().role === 'leader')) break;
      await world.pass(100);
    }
    const next = others.find(({ raft }) => raft.status().role === 'leader');
    if (next === undefined) throw new Error('nobody leads');
    for (let at = 0; at < 5; at += 1) await world.until(next.raft.propose(bytesOf(`new ${at}`)));
    const gate = newGate();
    world.faults.held.set(old.raft.nodeId, gate.passed);
    world.wire.cut.clear();
    await world.pass(3000);
    return { old, next, answer: gate.open };
  }

  it('is admitted by the others, and admits them, before its disk has answered', async () => {
    const { old, next, answer } = await truncating();
    expect(old.raft.status().commitIndex).toBe(next.raft.status().commitIndex);
    expect(handlerOf(next).admit(old.raft.nodeId, handlerOf(old).introduction())).toBeUndefined();
    expect(handlerOf(old).admit(next.raft.nodeId, handlerOf(next).introduction())).toBeUndefined();
    expect(world.logged('warn', 'refused')).toEqual([]);
    answer();
  });

  it('says in its identity record only what its log has', async () => {
    const { old } = await truncating();
    const common = old.raft.status().appliedIndex;
    await world.until(old.raft.shutdown());
    const manager = await walBackend.open('/memory', { store: old.store });
    const bytes = await manager.readIdentity({ groupId: 0n });
    if (bytes === undefined) throw new Error('it was written');
    expect(decodeIdentityRecord(bytes).committedIndex).toBe(common);
    await manager.close();
  });
});
