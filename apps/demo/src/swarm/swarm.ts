/** Runs all attacks concurrently from many addresses until `rest` is called. */
import { setMaxListeners } from 'node:events';
import { chanceOf } from '../cluster-story/chaos/chance.ts';
import { Striker, type Attack } from './attack.ts';
import type { SwarmSettings, Tallies, Target } from './swarm-protocol.ts';

/** On Linux every address of 127.0.0.0/8 is local. Other systems only have 127.0.0.1. */
const hasManyAddresses = process.platform === 'linux';

export class Swarm {
  readonly #settings: SwarmSettings;
  readonly #attacks: readonly Attack[];
  readonly #chance: () => number;
  readonly #tallies = new Map<string, Map<string, number>>();
  #ending = new AbortController();
  #working: Promise<unknown> = Promise.resolve();
  #cpu = process.cpuUsage();
  #strikes = 0;

  constructor(settings: SwarmSettings, attacks: readonly Attack[]) {
    this.#settings = settings;
    this.#attacks = attacks;
    this.#chance = chanceOf(settings.seed);
  }

  attack(targets: readonly Target[], term: number): void {
    this.#tallies.clear();
    this.#cpu = process.cpuUsage();
    this.#ending = new AbortController();
    setMaxListeners(0, this.#ending.signal);
    const workers = this.#attacks.flatMap((attack) =>
      Array.from({ length: attack.connections }, () => this.#work(attack, targets, term)),
    );
    this.#working = Promise.all(workers);
  }

  /**
   * Ends all connections. Returns the outcomes since `attack` was called, and the processor time of
   * the swarm.
   */
  async rest(): Promise<{ readonly tallies: Tallies; readonly cpuMs: number }> {
    this.#ending.abort();
    await this.#working;
    const { user, system } = process.cpuUsage(this.#cpu);
    const tallies = Object.fromEntries(
      [...this.#tallies].map(([name, outcomes]) => [name, Object.fromEntries(outcomes)]),
    );
    return { tallies, cpuMs: (user + system) / 1000 };
  }

  async #work(attack: Attack, targets: readonly Target[], term: number): Promise<void> {
    const { signal } = this.#ending;
    // A random delay spreads the first attempts.
    await pause(this.#chance() * attack.pauseMs, signal);
    while (!signal.aborted) {
      const target = targets[Math.floor(this.#chance() * targets.length)];
      if (target === undefined) return;
      const outcome = await attack.strike(
        new Striker({
          settings: this.#settings,
          target,
          source: this.#nextSource(),
          term,
          chance: this.#chance,
          signal,
        }),
      );
      this.#count(attack.name, outcome);
      await pause(attack.pauseMs, signal);
    }
  }

  #nextSource(): string | undefined {
    this.#strikes += 1;
    return hasManyAddresses ? `127.0.1.${1 + (this.#strikes % this.#settings.sources)}` : undefined;
  }

  #count(attack: string, outcome: string): void {
    const outcomes = this.#tallies.get(attack) ?? new Map<string, number>();
    this.#tallies.set(attack, outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1));
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
}
