/**
 * Power cuts and killed processes at every call of opening, creating, receiving, retaining and
 * removing. Afterwards every acknowledged snapshot is whole, any other one is whole or absent, and
 * nothing is found damaged. The opening afterwards is interrupted at every call, too.
 */
import {
  crashStates,
  runWorkload,
  SimulatedDisk,
  simulatedEnvironment,
  type SimulatedEnvironment,
} from '@babuza/testkit';
import type { StoredSnapshot } from '@babuza/raft/ports';
import { beforeAll, describe, expect, it } from 'vitest';
import { DurableSnapshotManager, VolatileSnapshotManager } from '../src/index.ts';
import { bytesOf, chunkBytes, filesOf, joined, make, metadataOf, type Files } from './support.ts';

/** The states for each of about 150 calls. `BABUZA_CRASH_STATES` sets their sum. */
const samples = Math.ceil(Number(process.env['BABUZA_CRASH_STATES'] ?? 900) / 150);

/** The acknowledged creations and removals, by index. */
class Ledger {
  /** Exists until its removal begins. */
  readonly acknowledged: Set<number> = new Set();
  /** May exist. */
  readonly attempted: Set<number> = new Set();

  async creating(index: number, work: () => Promise<unknown>): Promise<void> {
    this.attempted.add(index);
    await work();
    this.acknowledged.add(index);
  }

  /** The removal may happen from here on, and has happened when `work` is done. */
  async removing(indexes: readonly number[], work: () => Promise<unknown>): Promise<void> {
    for (const index of indexes) this.acknowledged.delete(index);
    await work();
    for (const index of indexes) this.attempted.delete(index);
  }
}

const filesAt = (index: number): Files => ({
  a: bytesOf(700, index),
  b: bytesOf(index % 3, index),
});

interface Arriving {
  readonly stored: StoredSnapshot;
  readonly stream: Uint8Array;
}

/** A snapshot of index 25 as another node sends it. */
let arriving: Arriving;

beforeAll(async () => {
  const other = new VolatileSnapshotManager({ chunkBytes });
  await other.open(1n);
  const stored = await make(other, 25, filesAt(25));
  arriving = { stored, stream: await joined(other.send(stored.metadata)) };
});

function managerOn(environment: SimulatedEnvironment): DurableSnapshotManager {
  return new DurableSnapshotManager('/data/snap', { chunkBytes }, environment);
}

async function receiveFrom(manager: DurableSnapshotManager, end?: number): Promise<unknown> {
  const { stored, stream } = arriving;
  const offset = await manager.received(stored.manifest);
  const rest = (async function* () {
    yield stream.subarray(offset, end);
  })();
  return await manager.receive(stored.metadata, stored.manifest, rest);
}

/** All calls of a manager in one process. */
async function allCalls(environment: SimulatedEnvironment, ledger: Ledger): Promise<void> {
  const manager = managerOn(environment);
  await manager.open(1n);
  await ledger.creating(10, () => make(manager, 10, filesAt(10)));
  await ledger.creating(20, () => make(manager, 20, filesAt(20)));
  await manager
    .create(metadataOf(21), async (writer) => {
      await writer.writeFile('a', [bytesOf(900)]);
      throw new Error('not this one');
    })
    .catch(() => {});
  ledger.attempted.add(25);
  await receiveFrom(manager, 560).catch(() => {});
  await manager.close();
  const second = managerOn(environment);
  await second.open(1n);
  await ledger.creating(25, () => receiveFrom(second));
  await ledger.removing([10], () => second.remove({ index: 10, term: 1 }));
  const open = await second.read({ index: 20, term: 1 });
  await second.retain(1);
  // From here on it may be removed at any moment.
  await ledger.removing([20], () => open.close());
  await ledger.creating(30, () => make(second, 30, filesAt(30)));
  await second.close();
}

async function judge(disk: SimulatedDisk, ledger: Ledger, context: string): Promise<void> {
  const environment = simulatedEnvironment(3, disk);
  await runWorkload(environment, async () => {
    const manager = managerOn(environment);
    const found = (await manager.open(1n)).map(({ metadata }) => metadata.index);
    const missing = [...ledger.acknowledged].filter((index) => !found.includes(index));
    expect(missing, `${context}: acknowledged and gone`).toEqual([]);
    const strange = found.filter((index) => !ledger.attempted.has(index));
    expect(strange, `${context}: there although it was removed or never made`).toEqual([]);
    for (const index of found) {
      expect(await filesOf(manager, index), `${context}: ${index}`).toEqual(filesAt(index));
    }
    const names = disk.surgery.files().join('\n');
    expect(names, `${context}: false damage, or leftovers`).not.toMatch(/damaged|\.tmp|\.gone/);
    await manager.close();
  });
}

async function playUntil(
  stopAt: number,
  life: (environment: SimulatedEnvironment, ledger: Ledger) => Promise<void>,
): Promise<{ disk: SimulatedDisk; ledger: Ledger } | undefined> {
  const pieceBytes = [512, 4096, 512, 1][stopAt % 4] ?? 512;
  const disk = new SimulatedDisk({ seed: stopAt, pieceBytes, showsGarbage: stopAt % 2 === 0 });
  disk.stopAtMutation(stopAt);
  const environment = simulatedEnvironment(2, disk);
  const ledger = new Ledger();
  const { outcome } = await runWorkload(environment, () => life(environment, ledger));
  return outcome === 'stopped' ? { disk, ledger } : undefined;
}

describe('crashes', () => {
  it('at every call leave the old snapshots or the new one, whole', async () => {
    let states = 0;
    for (let stopAt = 1; ; stopAt += 1) {
      const played = await playUntil(stopAt, allCalls);
      if (played === undefined) break;
      const { disk, ledger } = played;
      await judge(disk.kill(1), ledger, `killed at ${stopAt}`);
      const options = { exhaustiveMax: 16, samples, seed: stopAt };
      for (const { disk: left, lost } of crashStates(disk, options)) {
        states += 1;
        await judge(left, ledger, `stopped at ${stopAt}, lost: ${lost}`);
      }
    }
    expect(states).toBeGreaterThan(500);
  });

  it('of the opening afterwards change nothing, however often', async () => {
    let openings = 0;
    for (let stopAt = 5; ; stopAt += 5) {
      const played = await playUntil(stopAt, allCalls);
      if (played === undefined) break;
      const { disk, ledger } = played;
      for (const left of [disk.kill(stopAt), disk.crash(stopAt), disk.crash(stopAt + 1)]) {
        for (let inOpening = 1; ; inOpening += 1) {
          const again = left.kill(inOpening);
          again.stopAtMutation(inOpening);
          const environment = simulatedEnvironment(4, again);
          const opening = await runWorkload(environment, () => managerOn(environment).open(1n));
          if (opening.outcome === 'finished') break;
          openings += 1;
          const context = `stopped at ${stopAt}, opening stopped at ${inOpening}`;
          await judge(again.crash(inOpening), ledger, context);
          await judge(again.kill(inOpening), ledger, context);
        }
      }
    }
    expect(openings).toBeGreaterThan(100);
  });

  it('of a process and then of the power leave what was acknowledged after the restart', async () => {
    // The writes of the first process are only in the page cache. The second process must not rely
    // on them as durable.
    for (let stopAt = 3; ; stopAt += 2) {
      const played = await playUntil(stopAt, allCalls);
      if (played === undefined) break;
      const { disk, ledger } = played;
      const killed = disk.kill(stopAt);
      const environment = simulatedEnvironment(5, killed);
      const { outcome } = await runWorkload(environment, async () => {
        const manager = managerOn(environment);
        for (const { metadata } of await manager.open(1n)) ledger.acknowledged.add(metadata.index);
        await ledger.creating(25, () => receiveFrom(manager));
        await ledger.creating(40, () => make(manager, 40, filesAt(40)));
      });
      expect(outcome).toBe('finished');
      for (const { disk: left, lost } of crashStates(killed, { exhaustiveMax: 16, samples: 6 })) {
        await judge(left, ledger, `killed at ${stopAt}, then lost: ${lost}`);
      }
    }
  });

  it('of a process and then of the power leave what the opening in between has listed', async () => {
    for (let stopAt = 3; ; stopAt += 1) {
      const played = await playUntil(stopAt, allCalls);
      if (played === undefined) break;
      const { disk, ledger } = played;
      const killed = disk.kill(stopAt);
      const environment = simulatedEnvironment(5, killed);
      await runWorkload(environment, async () => {
        const listed = await managerOn(environment).open(1n);
        for (const { metadata } of listed) ledger.acknowledged.add(metadata.index);
      });
      await judge(killed.crash(stopAt), ledger, `killed at ${stopAt}, opened`);
      await judge(killed.crash(stopAt + 1), ledger, `killed at ${stopAt}, opened`);
    }
  });

  it('of a process with a failed sync do not make the next process rely on the page cache', async () => {
    const disk = new SimulatedDisk({ seed: 3 });
    const part = /part\/file-0001$/;
    const failed = disk.inject({
      on: 'datasync',
      path: part,
      fault: { type: 'sync-error', pending: 'dropped' },
    });
    // The process was killed before it could discard what the kernel dropped.
    disk.stopWhen((call) => call.operation === 'unlink' && part.test(call.path));
    const environment = simulatedEnvironment(2, disk);
    const first = await runWorkload(environment, async () => {
      const manager = managerOn(environment);
      await manager.open(1n);
      await receiveFrom(manager);
    });
    expect([first.outcome, failed.hits]).toEqual(['stopped', 1]);
    const second = simulatedEnvironment(4, disk.kill(1));
    const ledger = new Ledger();
    await runWorkload(second, async () => {
      const manager = managerOn(second);
      await manager.open(1n);
      expect(await manager.received(arriving.stored.manifest)).toBeGreaterThan(700);
      await ledger.creating(25, () => receiveFrom(manager));
    });
    for (const { disk: left, lost } of crashStates(second.fileSystem)) {
      await judge(left, ledger, `lost: ${lost}`);
    }
  });
});
