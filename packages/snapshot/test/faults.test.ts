/**
 * Every call of the disk fails, once or from then on. What was acknowledged stays, anything else is
 * whole or absent, every error has the right code, no handle stays open, and once the disk works
 * the manager works, too. Then the power is cut.
 */
import {
  runWorkload,
  SimulatedDisk,
  simulatedEnvironment,
  type Fault,
  type SimulatedEnvironment,
} from '@babuza/testkit';
import type { StoredSnapshot } from '@babuza/raft/ports';
import { harmlessOperations, transientKinds } from '@babuza/testkit/ladder';
import { FileError, type FileOperation } from '@babuza/vfs';
import { beforeAll, describe, expect, it } from 'vitest';
import { DurableSnapshotManager, SnapshotError, VolatileSnapshotManager } from '../src/index.ts';
import {
  asStream,
  bytesOf,
  chunkBytes,
  filesOf,
  joined,
  make,
  metadataOf,
  writing,
  type Files,
} from './support.ts';

const filesAt = (index: number): Files => ({ a: bytesOf(700, index), b: bytesOf(3, index) });

let arriving: { readonly stored: StoredSnapshot; readonly stream: Uint8Array };

beforeAll(async () => {
  const other = new VolatileSnapshotManager({ chunkBytes });
  await other.open(1n);
  const stored = await make(other, 25, filesAt(25));
  arriving = { stored, stream: await joined(other.send(stored.metadata)) };
});

interface Outcome {
  readonly acknowledged: Set<number>;
  readonly errors: unknown[];
}

/** Makes all calls, and continues after failures. */
async function life(environment: SimulatedEnvironment): Promise<Outcome> {
  const acknowledged = new Set<number>();
  const errors: unknown[] = [];
  const attempt = async (work: () => Promise<unknown>, index?: number): Promise<void> => {
    try {
      await work();
      if (index !== undefined) acknowledged.add(index);
    } catch (error) {
      errors.push(error);
    }
  };
  const { stored, stream } = arriving;
  const receive = (manager: DurableSnapshotManager, end: number) => async (): Promise<void> => {
    const offset = await manager.received(stored.manifest);
    const rest = asStream([stream.subarray(offset, Math.max(offset, end))]);
    await manager.receive(stored.metadata, stored.manifest, rest);
  };
  for (const round of [0, 1]) {
    const manager = new DurableSnapshotManager('/data/snap', { chunkBytes }, environment);
    await attempt(() => manager.open(1n));
    const base = 100 * round;
    if (round === 0) await attempt(() => make(manager, 10, filesAt(10)), 10);
    await attempt(() => make(manager, base + 20, filesAt(base + 20)), base + 20);
    if (round === 0) {
      if (acknowledged.has(20)) acknowledged.delete(10);
      await attempt(() => manager.retain(1));
    }
    // The second round continues where this one ends.
    await attempt(receive(manager, round === 0 ? 560 : Infinity), round === 0 ? undefined : 25);
    await attempt(() => filesOf(manager, base + 20));
    await attempt(async () => {
      // A wrong `false` would lose a snapshot.
      const isWhole = await manager.verify({ index: base + 20, term: 1 });
      if (acknowledged.has(base + 20)) expect(isWhole).toBe(true);
    });
    await attempt(() => manager.close());
  }
  return { acknowledged, errors };
}

/** The calls include a stream that ends early. */
function isExpected(error: unknown): boolean {
  if (!(error instanceof SnapshotError)) return false;
  if (error.code === 'SNAPSHOT_CORRUPT') return error.message.includes('too early');
  const isDisk = [
    'SNAPSHOT_WRITE_FAILED',
    'SNAPSHOT_READ_FAILED',
    'SNAPSHOT_NO_SPACE',
    'SNAPSHOT_TRY_AGAIN',
  ];
  if (isDisk.includes(error.code)) return error.cause instanceof FileError;
  return error.code === 'SNAPSHOT_CLOSED' || error.code === 'SNAPSHOT_NOT_FOUND';
}

async function judge(
  disk: SimulatedDisk,
  acknowledged: Set<number>,
  context: string,
): Promise<void> {
  const environment = simulatedEnvironment(3, disk);
  await runWorkload(environment, async () => {
    const manager = new DurableSnapshotManager('/data/snap', { chunkBytes }, environment);
    const found = (await manager.open(1n)).map(({ metadata }) => metadata.index);
    const missing = [...acknowledged].filter((index) => !found.includes(index));
    expect(missing, `${context}: acknowledged and gone`).toEqual([]);
    for (const index of found) {
      expect(await filesOf(manager, index), `${context}: ${index}`).toEqual(filesAt(index));
    }
    await make(manager, 900, filesAt(900));
    expect(disk.surgery.files().join('\n'), context).not.toMatch(/damaged|\.tmp|\.gone/);
    await manager.close();
  });
}

async function failEach(
  name: string,
  fault: Fault,
  sticky: boolean,
  step: number,
  on?: readonly FileOperation[],
): Promise<number> {
  for (let nth = 1; ; nth += step) {
    const context = `${name} at call ${nth}${sticky ? ' and from then on' : ''}`;
    const disk = new SimulatedDisk({ seed: nth });
    const injected = disk.inject({ nth, sticky, fault, ...(on === undefined ? {} : { on }) });
    const environment = simulatedEnvironment(2, disk);
    const ended = await runWorkload(environment, () => life(environment));
    if (injected.hits === 0) return nth - 1;
    if (ended.outcome !== 'finished') throw new Error(`${context}: it did not end`);
    const { acknowledged, errors } = ended.value;
    expect(
      errors.filter((error) => !isExpected(error)),
      context,
    ).toEqual([]);
    if (on !== undefined) {
      const codes = errors.map((error) => error instanceof SnapshotError && error.code);
      const failed = codes.filter((code) => /WRITE|READ|SPACE/.test(String(code)));
      expect(failed, `${context}: a shortage is no failed disk`).toEqual([]);
    }
    expect(disk.openPaths, context).toEqual([]);
    injected.remove();
    const left = nth % 2 === 0 ? disk.kill(1) : disk.crash(nth);
    await judge(left, acknowledged, `${context}, then the ${nth % 2 === 0 ? 'process' : 'power'}`);
  }
}

/** Name, fault, and which calls fail: every one or every fifth. */
const faults: readonly [string, Fault, number][] = [
  ['an I/O error', { type: 'error', kind: 'io' }, 1],
  ['no space', { type: 'error', kind: 'no-space' }, 5],
  ['no memory', { type: 'error', kind: 'try-again' }, 3],
  ['half a write', { type: 'partial-write', kind: 'no-space', bytes: 100 }, 1],
  ['a failed sync', { type: 'sync-error', pending: 'kept' }, 1],
  ['a failed sync that loses', { type: 'sync-error', pending: 'dropped' }, 1],
  ['a failed sync that loses half', { type: 'sync-error', pending: 'half-written' }, 1],
];

describe('a failing disk', () => {
  for (const [name, fault, step] of faults) {
    it(`${name}, once`, async () => {
      expect(await failEach(name, fault, false, step)).toBeGreaterThan(15);
    });
    it(`${name}, from then on`, async () => {
      expect(await failEach(name, fault, true, step * 3)).toBeGreaterThan(10);
    });
  }

  for (const kind of transientKinds) {
    it(`is not assumed when the system is short of a resource (${kind}), once and from then on`, async () => {
      const fault: Fault = { type: 'error', kind };
      expect(await failEach(kind, fault, false, 2, harmlessOperations)).toBeGreaterThan(15);
      expect(await failEach(kind, fault, true, 3, harmlessOperations)).toBeGreaterThan(10);
    });

    it(`is not assumed after a shortage: the next attempts succeed (${kind})`, async () => {
      for (let nth = 1; ; nth += 1) {
        const environment = simulatedEnvironment(nth);
        const disk = environment.fileSystem;
        const manager = new DurableSnapshotManager('/snap', { chunkBytes }, environment);
        await manager.open(1n);
        const shortage = disk.inject({
          on: harmlessOperations,
          nth,
          sticky: true,
          fault: { type: 'error', kind },
        });
        const { stored, stream } = arriving;
        const calls = [
          () => make(manager, 10, filesAt(10)),
          () => make(manager, 20, filesAt(20)),
          async () => {
            // The files of an attempt are kept, and the next one continues after them.
            const rest = stream.subarray(await manager.received(stored.manifest));
            await manager.receive(stored.metadata, stored.manifest, asStream([rest]));
          },
          () => manager.verify({ index: 20, term: 1 }),
          () => manager.retain(1),
        ];
        for (const call of calls) {
          await call().catch(async (error: unknown) => {
            expect(error).toMatchObject({ code: 'SNAPSHOT_TRY_AGAIN' });
            shortage.remove();
            await call();
          });
        }
        const { hits } = shortage;
        shortage.remove();
        expect(manager.list().map(({ metadata }) => metadata.index)).toEqual([25]);
        expect(await filesOf(manager, 25)).toEqual(filesAt(25));
        await manager.retain(1);
        expect(disk.surgery.files().join('\n')).not.toMatch(/damaged|\.gone|-0*[12]0-/);
        await manager.close();
        if (hits === 0) break;
      }
    });
  }

  it('leaves nothing of a snapshot whose name could not be synced', async () => {
    for (const pending of ['kept', 'dropped'] as const) {
      const environment = simulatedEnvironment(1);
      const disk = environment.fileSystem;
      const manager = new DurableSnapshotManager('/snap', { chunkBytes }, environment);
      await manager.open(1n);
      disk.inject({
        on: 'sync-directory',
        path: /group-\d+$/,
        fault: { type: 'sync-error', pending },
      });
      await expect(make(manager, 10)).rejects.toMatchObject({ code: 'SNAPSHOT_WRITE_FAILED' });
      expect(disk.surgery.files().filter((path) => !path.endsWith('LOCK'))).toEqual([]);
      await make(manager, 10);
      await manager.close();
    }
  });

  it('does not store a snapshot whose folder was created before a failed sync of the names', async () => {
    for (const pending of ['dropped', 'half-written'] as const) {
      const environment = simulatedEnvironment(1);
      const disk = environment.fileSystem;
      const manager = new DurableSnapshotManager('/snap', { chunkBytes }, environment);
      await manager.open(1n);
      const straddling = manager.create(metadataOf(20), async (files) => {
        disk.inject({
          on: 'sync-directory',
          path: /group-\d+$/,
          fault: { type: 'sync-error', pending },
        });
        await expect(make(manager, 10)).rejects.toMatchObject({ code: 'SNAPSHOT_WRITE_FAILED' });
        await writing(filesAt(20))(files);
      });
      await expect(straddling).rejects.toMatchObject({ code: 'SNAPSHOT_WRITE_FAILED' });
      await make(manager, 20, filesAt(20));
      const after = simulatedEnvironment(2, disk.crash(3));
      await runWorkload(after, async () => {
        const reopened = new DurableSnapshotManager('/snap', { chunkBytes }, after);
        await reopened.open(1n);
        expect(await filesOf(reopened, 20)).toEqual(filesAt(20));
        await reopened.close();
      });
    }
  });

  it('is reported as full, the space of the attempt is freed, and the manager goes on when there is space', async () => {
    const environment = simulatedEnvironment(1);
    const disk = environment.fileSystem;
    const manager = new DurableSnapshotManager('/snap', { chunkBytes }, environment);
    await manager.open(1n);
    await make(manager, 10);
    disk.capacityBytes = 15 * 4096;
    const large: Files = { state: bytesOf(100_000) };
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await expect(make(manager, 20, large)).rejects.toMatchObject({ code: 'SNAPSHOT_NO_SPACE' });
    }
    await make(manager, 15, { state: bytesOf(20_000) });
    disk.capacityBytes = Infinity;
    await make(manager, 20, large);
    expect(await filesOf(manager, 20)).toEqual(large);
    await manager.close();
  });
});
