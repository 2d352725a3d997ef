/**
 * A node whose log or snapshot folder belongs to somebody else by now, and the waiting for the
 * locks of both.
 */
import { LockLostError, type WalManager } from '@babuza/wal-core';
import { WalEventHub } from '@babuza/wal-core/backend';
import { MemoryStore, walBackend } from '@babuza/wal-memory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bootstrapRaftCluster, defaultBabuzaConfig, type Raft } from '../src/index.ts';
import { ListMachine, MapSnapshots, newGate, World } from './support.ts';

let world: World;

beforeEach(() => {
  world = new World();
});

afterEach(() => world.close());

const peers = [{ id: 1n, address: 'address-1' }];

async function start(walManager: WalManager, snapshotManager: MapSnapshots) {
  const component = await world.component(1n, { walManager, snapshotManager });
  const config = defaultBabuzaConfig(1, 1, 'address-1');
  return bootstrapRaftCluster(config, peers, new ListMachine(), component);
}

function causeOf(raft: Raft<undefined, string[]>): Promise<unknown> {
  return new Promise((resolve) => {
    raft.subscribe((event) => {
      if (event.type === 'stopped') resolve(event.cause);
    });
  });
}

function hubOf({ events }: WalManager): WalEventHub {
  if (events instanceof WalEventHub) return events;
  throw new Error('the log in memory has the one implementation');
}

describe('an idle node', () => {
  it('stops with the cause when the lock of its log was lost', async () => {
    const walManager = await walBackend.open('/memory', { store: new MemoryStore() });
    const raft = await start(walManager, new MapSnapshots());
    await world.until(raft.waitForLeader());
    const cause = causeOf(raft);
    const error = new LockLostError('the file LOCK was removed');
    // The log of another group is not this node's.
    hubOf(walManager).emit({ type: 'poisoned', groupId: 5n, error });
    expect(raft.readiness()).toEqual({ ready: true });
    hubOf(walManager).emit({ type: 'poisoned', groupId: 0n, error });
    expect(await world.until(cause)).toBe(error);
    await expect(raft.propose(new Uint8Array(1))).rejects.toMatchObject({
      code: 'RAFT_STOPPED',
      cause: error,
    });
  });

  it('stops with the cause when the lock of its snapshots was lost', async () => {
    let lose = (_error: Error): void => undefined;
    class LosingSnapshots extends MapSnapshots {
      onLost(listener: (error: Error) => void): void {
        lose = listener;
      }
    }
    const walManager = await walBackend.open('/memory', { store: new MemoryStore() });
    const raft = await start(walManager, new LosingSnapshots());
    await world.until(raft.waitForLeader());
    const cause = causeOf(raft);
    const error = new Error('SNAPSHOT_LOCK_LOST');
    lose(error);
    expect(await world.until(cause)).toBe(error);
  });
});

describe('the locks of a node', () => {
  it('are waited for at the same time', async () => {
    const both = newGate();
    const waiting: string[] = [];
    const waits = async (what: string): Promise<void> => {
      waiting.push(what);
      if (waiting.length === 2) both.open();
      await both.passed;
    };
    class WaitingSnapshots extends MapSnapshots {
      override async open() {
        await waits('snapshots');
        return super.open();
      }
    }
    const walManager = await walBackend.open('/memory', { store: new MemoryStore() });
    walManager.takeLock = () => waits('log');
    const raft = await start(walManager, new WaitingSnapshots());
    expect(waiting.toSorted()).toEqual(['log', 'snapshots']);
    await world.until(raft.shutdown());
  });

  it('may both be refused: the start says so once, and nothing is left without an owner', async () => {
    class RefusedSnapshots extends MapSnapshots {
      override open(): Promise<never> {
        return Promise.reject(new Error('SNAPSHOT_LOCKED'));
      }
    }
    const walManager = await walBackend.open('/memory', { store: new MemoryStore() });
    walManager.takeLock = () => Promise.reject(new Error('WAL_LOCKED'));
    await expect(start(walManager, new RefusedSnapshots())).rejects.toThrow('SNAPSHOT_LOCKED');
    await expect(start(walManager, new MapSnapshots())).rejects.toThrow('WAL_LOCKED');
  });
});
