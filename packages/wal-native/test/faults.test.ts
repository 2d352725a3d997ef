/**
 * Every call of the disk fails: once, and from then on. What fails is said with a typed error, nothing that
 * was not durable is acknowledged, a full disk leaves the log usable, everything else poisons it, and what
 * is on the disk afterwards opens to what the ledger allows.
 */
import { describe, expect, it } from 'vitest';
import {
  runWorkload,
  SimulatedDisk,
  simulatedEnvironment,
  type Fault,
  type SimulatedEnvironment,
} from '@babuza/testkit';
import { WalError, type OpenedWal } from '@babuza/wal-core';
import { Ledger } from '@babuza/wal-core/conformance';
import { Author, openLog, openManager, perform } from './support/workload.ts';

interface Failure {
  readonly name: string;
  readonly fault: Fault;
}

const failures: readonly Failure[] = [
  { name: 'EIO', fault: { type: 'error', kind: 'io' } },
  { name: 'ENOSPC', fault: { type: 'error', kind: 'no-space' } },
  { name: 'a short write, then EIO', fault: { type: 'partial-write', kind: 'io', bytes: 700 } },
  {
    name: 'a short write, then ENOSPC',
    fault: { type: 'partial-write', kind: 'no-space', bytes: 700 },
  },
  { name: 'a sync that drops', fault: { type: 'sync-error', pending: 'dropped' } },
  { name: 'a sync that keeps', fault: { type: 'sync-error', pending: 'kept' } },
  { name: 'a sync that wrote half', fault: { type: 'sync-error', pending: 'half-written' } },
];

const workloads = [1, 2, 3, 4].map((seed) => ({ seed, steps: 12, inline: seed === 4 }));

/** Does some work and stops at the first error; what failed is told to the ledger. */
async function attemptWork(
  environment: SimulatedEnvironment,
  ledger: Ledger,
  workload: (typeof workloads)[number],
): Promise<Outcome> {
  const manager = openManager(environment, { inline: workload.inline });
  const outcome: Outcome = { created: false, error: undefined, laterError: undefined, reads: [] };
  let opened: OpenedWal;
  try {
    opened = await openLog(manager);
  } catch (error) {
    outcome.error = error;
    await manager.close().catch(() => undefined);
    return outcome;
  }
  outcome.created = true;
  const author = new Author(workload.seed, opened);
  for (let step = 0; step < workload.steps && outcome.error === undefined; step += 1) {
    outcome.error = await perform(opened, ledger, author.next());
    await environment.clock.sleep(step % 3 === 0 ? 60 : 0);
  }
  if (outcome.error !== undefined) await afterFailure(opened, outcome);
  outcome.closeError = await manager.close().catch((error: unknown) => error);
  return outcome;
}

interface Outcome {
  created: boolean;
  error: unknown;
  laterError: unknown;
  closeError?: unknown;
  reads: readonly unknown[];
}

/** What the log still does after a failure: read what is durable, and say why it writes no more. */
async function afterFailure({ wal, storage }: OpenedWal, outcome: Outcome): Promise<void> {
  const { code } = outcome.error as WalError;
  if (code !== 'WAL_POISONED') return;
  outcome.laterError = await wal.sync().catch((error: unknown) => error);
  const first = storage.firstIndex();
  const last = storage.lastIndex();
  if (last >= first) outcome.reads = storage.entries(first, last + 1, Infinity);
}

/** One world in which call `nth` fails. Returns whether it came to that call. */
async function failAt(
  workload: (typeof workloads)[number],
  { name, fault }: Failure,
  nth: number,
  sticky: boolean,
): Promise<boolean> {
  const context = `seed ${workload.seed}, ${name} at call ${nth}${sticky ? ' and ever after' : ''}`;
  const disk = new SimulatedDisk({ seed: workload.seed, recordsCallSites: true });
  const environment = simulatedEnvironment(workload.seed, disk);
  const ledger = new Ledger();
  const injected = disk.inject({ nth, sticky, fault });
  const result = await runWorkload(environment, () => attemptWork(environment, ledger, workload));
  if (result.outcome !== 'finished') throw new Error(`${context}: the world stopped`);
  const { value } = result;
  if (injected.hits === 0) return false;
  checkOutcome(value, context);
  injected.remove();
  const survivor = simulatedEnvironment(workload.seed + 1, disk.crash(nth));
  await runWorkload(survivor, async () => {
    const manager = openManager(survivor);
    if (!(await manager.hasExistingWal())) {
      expect(value.created, `${context}: a log that was created is gone`).toBe(false);
      return;
    }
    const reopened = await manager.replayWal().catch((error: unknown) => {
      throw new Error(`${context}: the log does not open`, { cause: error });
    });
    expect(ledger.judge(reopened), context).toEqual([]);
    await manager.close();
  });
  return true;
}

function checkOutcome({ error, laterError, closeError }: Outcome, context: string): void {
  for (const seen of [error, laterError, closeError]) {
    if (seen === undefined) continue;
    expect(seen, `${context}: an error without a type`).toBeInstanceOf(WalError);
  }
  if ((error as WalError | undefined)?.code === 'WAL_POISONED') {
    if (laterError !== undefined)
      expect(laterError, context).toMatchObject({ code: 'WAL_POISONED' });
  }
}

describe('a failing disk', () => {
  for (const sticky of [false, true]) {
    for (const failure of failures) {
      it(`${failure.name}, ${sticky ? 'from a call on' : 'once'}, at every call`, async () => {
        let runs = 0;
        for (const workload of workloads) {
          for (let nth = 1; await failAt(workload, failure, nth, sticky); nth += 1) runs += 1;
        }
        expect(runs).toBeGreaterThan(workloads.length * 10);
      });
    }
  }

  it('that is full for a while leaves the log usable, and the same entries can be saved again', async () => {
    const disk = new SimulatedDisk({ seed: 5 });
    const environment = simulatedEnvironment(5, disk);
    const ledger = new Ledger();
    await runWorkload(environment, async () => {
      const opened = await openLog(openManager(environment, { recycledMax: 0 }));
      const author = new Author(5, opened);
      disk.capacityBytes = 3 * 16 * 1024;
      let refused = 0;
      for (let step = 0; step < 60; step += 1) {
        const batch = author.next();
        const error = await perform(opened, ledger, batch);
        if (error === undefined) continue;
        expect(error.code).toBe('WAL_NO_SPACE');
        refused += 1;
        disk.capacityBytes += 2 * 16 * 1024;
        expect(await perform(opened, ledger, batch)).toBeUndefined();
      }
      expect(refused).toBeGreaterThan(0);
    });
    const survivor = simulatedEnvironment(6, disk.crash(1));
    await runWorkload(survivor, async () => {
      expect(ledger.judge(await openManager(survivor).replayWal())).toEqual([]);
    });
  });
});
