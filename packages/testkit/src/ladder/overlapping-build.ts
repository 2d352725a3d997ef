/**
 * Logs that several callers have built: saves, purges, syncs, identity records, marks of idle logs
 * and beginnings of segments overlapped, in an order that the seed chose. What is left of them can
 * be damaged, or opened on a disk that fails.
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
 * How the process ended: `beside calls` means that at least two calls of the log were under way.
 */
export type EndOfBuild = 'closed' | 'killed' | 'killed beside calls';

export interface BuildPlan<Options> {
  readonly seed: number;
  /** Calls of all callers together. */
  readonly calls: number;
  readonly end: EndOfBuild;
  readonly options: Options;
}

export interface BuiltLog {
  readonly name: string;
  /** The disk as a killed process leaves it. */
  readonly disk: SimulatedDisk;
  readonly ledger: CallLedger;
  readonly identity: IdentityCalls;
}

/** A ledger that also keeps the calls, without those that were refused. */
export class CallLedger extends Ledger {
  /** In the order of the calls. */
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

  /** Nothing fails here: what is rejected came behind the closing. */
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
 * The ledger of a built log that has lost its end: the last so many calls may be missing, whole and
 * from the end on.
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
