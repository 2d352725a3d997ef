/** What runs have exercised: a simulation that never elects anybody finds nothing. */

const names = [
  'seeds',
  'steps',
  'seedsAsync',
  'seedsSync',
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
  'stranded',
] as const;

export type Counter = (typeof names)[number];

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

  /** Those that are below `least`. */
  below(least: number): Counter[] {
    return names.filter((name) => this.of(name) < least);
  }

  toString(): string {
    return names.map((name) => `${name} ${this.of(name)}`).join(', ');
  }
}
