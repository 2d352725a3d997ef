/**
 * Every call of the disk fails while calls of a manager overlap: once, or from then on until the
 * disk works again. What was acknowledged stays, a rejected call stores nothing that a later call
 * relies on unseen, every error has the right code, and the rejected calls succeed once the disk
 * works. Then the process is killed, or the power is cut. Each run fails a sample of the calls.
 * `BABUZA_CONCURRENT_SEEDS` is the number of further samples, each in another order; `BABUZA_SEED`
 * is the first seed.
 */
import {
  mixSeeds,
  RandomSchedule,
  runScheduled,
  runWorkload,
  SeededRandom,
  SimulatedDisk,
  simulatedEnvironment,
  type Fault,
  type InjectedFault,
  type SimulatedEnvironment,
} from '@babuza/testkit';
import { harmlessOperations, transientKinds } from '@babuza/testkit/ladder';
import { FileError, type FileOperation } from '@babuza/vfs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DurableSnapshotManager, SnapshotError } from '../src/index.ts';
import {
  arrivingAt,
  OverlappingCalls,
  SnapshotLedger,
  type Arriving,
} from './overlapping-calls.ts';
import { chunkBytes, make } from './support.ts';

const seeds = Number(process.env['BABUZA_CONCURRENT_SEEDS'] ?? 1);
const firstSeed = Number(process.env['BABUZA_SEED'] ?? 1);
/** Each run fails one of this many calls. */
const sampleStep = Number(process.env['BABUZA_FAILING_STEP'] ?? 12);

let arriving: Arriving;
let runs = 0;
let rejections = 0;

beforeAll(async () => {
  arriving = await arrivingAt(25);
});

afterAll(() => console.log(`${runs} calls failed, ${rejections} calls of managers were rejected`));

interface Failure {
  readonly name: string;
  readonly fault: Fault;
  readonly sticky: boolean;
  /** The calls that may fail. Default: all. */
  readonly on?: readonly FileOperation[];
}

const diskCodes: ReadonlySet<string> = new Set([
  'SNAPSHOT_WRITE_FAILED',
  'SNAPSHOT_READ_FAILED',
  'SNAPSHOT_NO_SPACE',
  'SNAPSHOT_TRY_AGAIN',
]);

function isExpected(error: unknown, isShortage: boolean): boolean {
  if (!(error instanceof SnapshotError)) return false;
  if (!diskCodes.has(error.code) || !(error.cause instanceof FileError)) return false;
  return !isShortage || error.code === 'SNAPSHOT_TRY_AGAIN';
}

function managerOn(environment: SimulatedEnvironment): DurableSnapshotManager {
  return new DurableSnapshotManager('/data/snap', { chunkBytes }, environment);
}

/** Makes the calls with the fault, then the rejected ones without it. */
async function life(
  environment: SimulatedEnvironment,
  manager: DurableSnapshotManager,
  ledger: SnapshotLedger,
  injected: InjectedFault,
  isShortage: boolean,
): Promise<void> {
  const overlapping = new OverlappingCalls(manager, environment.fileSystem, ledger, arriving);
  await overlapping.overlap();
  const unexpected = overlapping.rejected.filter(({ error }) => !isExpected(error, isShortage));
  expect(unexpected).toEqual([]);
  rejections += overlapping.rejected.length;
  injected.remove();
  expect(await ledger.judge(manager, true)).toEqual([]);
  await overlapping.again();
  expect(overlapping.rejected, 'rejected although the disk works').toEqual([]);
  expect(await ledger.judge(manager, true)).toEqual([]);
  expect(ledger.judgeRecord(await manager.readIdentity())).toEqual([]);
}

async function judgeLeft(left: SimulatedDisk, ledger: SnapshotLedger): Promise<void> {
  const environment = simulatedEnvironment(3, left);
  await runWorkload(environment, async () => {
    const manager = managerOn(environment);
    await manager.open(1n);
    expect(await ledger.judge(manager, false)).toEqual([]);
    expect(ledger.judgeRecord(await manager.readIdentity())).toEqual([]);
    await make(manager, 900);
    expect(left.surgery.files().join('\n')).not.toMatch(/damaged|\.tmp|\.gone/);
    await manager.close();
    expect(left.openPaths).toEqual([]);
  });
}

/** Runs one seed in which call `nth` fails. Returns whether that call happened. */
async function failAt({ fault, sticky, on }: Failure, seed: number, nth: number): Promise<boolean> {
  const random = new SeededRandom(mixSeeds(seed, nth));
  const disk = new SimulatedDisk({ seed: random.uint32() });
  const environment = simulatedEnvironment(seed, disk);
  const ledger = new SnapshotLedger();
  let manager = managerOn(environment);
  await runWorkload(environment, async () => {
    await manager.open(1n);
    await new OverlappingCalls(manager, disk, ledger, arriving).begin();
    if (random.below(2) === 0) return;
    // A snapshot of an earlier manager is read completely before it is relied on.
    await manager.close();
    manager = managerOn(environment);
    await manager.open(1n);
  });
  const injected = disk.inject({ nth, sticky, fault, ...(on === undefined ? {} : { on }) });
  const { outcome } = await runScheduled(
    environment,
    async () => {
      await life(environment, manager, ledger, injected, on !== undefined);
      const isClosed = random.below(2) === 0;
      if (isClosed) await manager.close();
      if (isClosed) expect(disk.openPaths).toEqual([]);
      else expect(disk.openPaths.filter((path) => !path.endsWith('LOCK'))).toEqual([]);
    },
    { schedule: new RandomSchedule(random.uint32()) },
  );
  expect(outcome).toBe('finished');
  if (injected.hits === 0) return false;
  await judgeLeft(random.below(3) === 0 ? disk.kill(1) : disk.crash(nth), ledger);
  return true;
}

async function failEach(failure: Failure): Promise<void> {
  for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
    let failed = 0;
    for (let nth = 1 + (seed % sampleStep); ; nth += sampleStep) {
      const context = `seed ${seed}, call ${nth}`;
      const came = await failAt(failure, seed, nth).catch((cause: unknown) => {
        throw new Error(context, { cause });
      });
      if (!came) break;
      failed += 1;
    }
    runs += failed;
    expect(failed).toBeGreaterThan(1);
  }
}

const faults: readonly [string, Fault][] = [
  ['an I/O error', { type: 'error', kind: 'io' }],
  ['no space', { type: 'error', kind: 'no-space' }],
  ['half a write', { type: 'partial-write', kind: 'no-space', bytes: 100 }],
  ['a failed sync', { type: 'sync-error', pending: 'kept' }],
  ['a failed sync that loses', { type: 'sync-error', pending: 'dropped' }],
  ['a failed sync that loses half', { type: 'sync-error', pending: 'half-written' }],
];

describe('a disk that fails during overlapping calls', () => {
  for (const sticky of [false, true]) {
    const lasts = sticky ? 'from then on' : 'once';
    for (const [name, fault] of faults) {
      it(`${name}, ${lasts}`, () => failEach({ name, fault, sticky }), 300_000);
    }
    for (const kind of transientKinds) {
      const fault: Fault = { type: 'error', kind };
      const failure = { name: kind, fault, sticky, on: harmlessOperations };
      it(`a shortage, ${kind}, ${lasts}`, () => failEach(failure), 300_000);
    }
  }
});
