/** Counts the events of runs. A simulation in which no leader is elected finds nothing. */

const names = [
  'seeds',
  'steps',
  'elections',
  'commits',
  'proposals',
  'proposalsRefused',
  'readsAsked',
  'readsServed',
  'leaseReadsServed',
  'singleVoterReadsServed',
  'changesApplied',
  'jointEntered',
  'jointLeft',
  'transfersAsked',
  'transfersDone',
  'leadersForgotten',
  'withdrawals',
  'snapshotsTaken',
  'snapshotsInstalled',
  'snapshotsReported',
  'applicationsSuperseded',
  'unreachableReported',
  'crashes',
  'majorityCrashes',
  'restarts',
  'writesLost',
  'stalls',
  'partitions',
  'oneWayCuts',
  'sent',
  'delivered',
  'lost',
  'duplicated',
  'delayed',
  'answersRefused',
  'settled',
  'strandedByRemoval',
  'strandedByTerm',
] as const;

export type Counter = (typeof names)[number];

/** The least average number per run of the events for which it is not 1. */
const leastPerRun: Partial<Record<Counter, number>> = {
  steps: 2000,
  elections: 2,
  commits: 20,
  changesApplied: 5,
  snapshotsTaken: 5,
  crashes: 5,
  readsServed: 5,
  leaseReadsServed: 0.1,
  singleVoterReadsServed: 0,
  transfersDone: 0.1,
  leadersForgotten: 0.2,
  withdrawals: 0.1,
  applicationsSuperseded: 0,
  majorityCrashes: 0.2,
  oneWayCuts: 0.2,
  answersRefused: 0.1,
  settled: 0.98,
  strandedByRemoval: 0,
  strandedByTerm: 0,
};

export class Counters {
  readonly #counts: Map<Counter, number> = new Map(names.map((name) => [name, 0]));

  add(name: Counter, count = 1): void {
    this.#counts.set(name, this.of(name) + count);
  }

  of(name: Counter): number {
    return this.#counts.get(name) ?? 0;
  }

  addAll(other: Counters): void {
    for (const name of names) this.add(name, other.of(name));
  }

  /** The events that happened too rarely in this number of runs. */
  rareIn(runs: number): Counter[] {
    return names.filter((name) => this.of(name) < runs * (leastPerRun[name] ?? 1));
  }

  toString(): string {
    return names.map((name) => `${name} ${this.of(name)}`).join(', ');
  }
}
