/**
 * Logs that overlapping calls of several callers have built: saves, purges, syncs, identity
 * records, idle marks and new segments, in an order that the seed chose. Tests damage such a log,
 * or open it on a disk that fails.
 */
import { Ledger, type LedgerBatch } from '@babuza/wal-core/conformance';
import { RandomSchedule, runScheduled } from '../scheduled-world.ts';
import { mixSeeds } from '../seeded-random.ts';
import { SimulatedDisk } from '../simulated-disk.ts';
import { simulatedEnvironment } from '../simulated-environment.ts';
import { LadderError, type BackEnd } from './back-end.ts';
import { IdentityCalls } from './identity-calls.ts';
import { workTogether } from './work-together.ts';

/**
 * How the process ended. `killed beside calls` means that at least two calls of the log were
 * running.
 */
export type EndOfBuild = 'closed' | 'killed' | 'killed beside calls';

export interface BuildPlan<Options> {
  readonly seed: number;
  /** The number of calls of all callers together. */
  readonly calls: number;
  readonly end: EndOfBuild;
  readonly options: Options;
}

export interface BuiltLog {
  readonly name: string;
  /** The disk as the killed process left it. */
  readonly disk: SimulatedDisk;
  readonly ledger: CallLedger;
  readonly identity: IdentityCalls;
}

/** A ledger that also keeps the calls that were not refused. */
export class CallLedger extends Ledger {
  /** Ordered as the calls were made. */
  readonly calls: Map<number, LedgerBatch> = new Map();
  acknowledgedCount = 0;

  override attempt(batch: LedgerBatch): number {
    const id = super.attempt(batch);
    this.calls.set(id, batch);
    return id;
  }

  override acknowledge(id: number): void {
    super.acknowledge(id);
    this.acknowledgedCount += 1;
  }

  /** Nothing fails here, so a rejected call came after the close. */
  override reject(id: number, error: unknown): void {
    super.reject(id, error);
    this.calls.delete(id);
  }
}

export async function buildOverlapping<Options extends object>(
  backEnd: BackEnd<Options>,
  { seed, calls, end, options }: BuildPlan<Options>,
): Promise<BuiltLog> {
  const disk = new SimulatedDisk({ seed });
  const environment = simulatedEnvironment(seed, disk);
  const { batchAtomic, exactPurge } = backEnd.capabilities;
  const ledger = new CallLedger({ batchAtomic, exactPurge });
  const identity = new IdentityCalls();
  const world = { backEnd, environment, ledger, identity, progress: { created: false } };
  const stopsBeside = (): boolean =>
    end === 'killed beside calls' &&
    ledger.acknowledgedCount > calls / 2 &&
    ledger.calls.size - ledger.acknowledgedCount > 1 &&
    disk.heldCalls.some(({ isStep, matters }) => matters && !isStep);
  const { outcome } = await runScheduled(
    environment,
    () => workTogether(world, seed, calls, options, end === 'closed'),
    {
      schedule: new RandomSchedule(mixSeeds(seed, 14) * 2 + (seed % 2)),
      atRest: async () => {
        if (stopsBeside()) disk.stop();
      },
    },
  );
  const name = `built by overlapping calls, seed ${seed}, ${end}`;
  const expected = end === 'killed beside calls' ? 'stopped' : 'finished';
  if (outcome !== expected) throw new LadderError(`${name}: the world has ${outcome}`);
  return { name, disk: disk.kill(seed), ledger, identity };
}

/**
 * The ledger of a built log that lost its end: the last `lastCalls` calls may be missing, as
 * whole calls and from the end.
 */
export function ledgerWithout(
  { ledger }: BuiltLog,
  lastCalls: number,
  { capabilities }: BackEnd,
): Ledger {
  const { batchAtomic, exactPurge } = capabilities;
  const shorter = new Ledger({ batchAtomic, exactPurge });
  const calls = [...ledger.calls.values()];
  const kept = calls.length - lastCalls;
  for (const [at, call] of calls.entries()) {
    const id = shorter.attempt(call);
    if (at < kept) shorter.acknowledge(id);
  }
  return shorter;
}
