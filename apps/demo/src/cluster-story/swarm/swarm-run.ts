/** Runs the attack in slices that target the dummy and the members in turns. */
import { count, duration } from '../../common/figures.ts';
import type { Tallies, Target } from '../../swarm/swarm-protocol.ts';
import type { Stage } from '../stage.ts';
import type { Aim, LoadBySlice } from './load-figures.ts';
import { highestTerm, logsOf, logsSince, processorSecondsOf, type Logs } from './members-view.ts';
import type { SwarmHandle } from './processes.ts';
import type { ResidentMemory } from './resident.ts';

export interface SwarmRunParts {
  readonly stage: Stage;
  readonly swarm: SwarmHandle;
  readonly dummy: readonly Target[];
  readonly load: LoadBySlice;
  readonly memory: ResidentMemory;
  /** The total duration of the slices of each target. */
  readonly seconds: number;
}

/** Processor time in seconds. */
export interface ProcessorTime {
  swarm: number;
  /** The sum over all members. */
  members: number;
}

export interface SwarmResult {
  /** For each attack, how often its attempts against the members ended in each outcome. */
  readonly outcomes: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Processor time by target. */
  readonly processor: Readonly<Record<Aim, ProcessorTime>>;
  /** Changes of the term by target. */
  readonly termChanges: Record<Aim, number>;
  /** The lines that each member logged, in all slices. */
  readonly logLines: Logs;
  /** The time from the start of the first slice to the end of the last one. */
  readonly elapsedMs: number;
}

const sliceSecondsMax = 10;
/** This start of each slice is not measured, because connections and attacks are starting up. */
const settleMs = 1000;

export class SwarmRun {
  readonly #parts: SwarmRunParts;
  readonly #outcomes = new Map<string, Map<string, number>>();
  readonly #processor: Record<Aim, ProcessorTime> = {
    dummy: { swarm: 0, members: 0 },
    members: { swarm: 0, members: 0 },
  };
  readonly #termChanges: Record<Aim, number> = { dummy: 0, members: 0 };

  constructor(parts: SwarmRunParts) {
    this.#parts = parts;
  }

  async run(): Promise<SwarmResult> {
    const { memory, seconds, stage } = this.#parts;
    const slices = Math.ceil(seconds / sliceSecondsMax);
    const startMs = performance.now();
    const linesBefore = await logsOf(stage);
    for (let at = 0; at < slices; at += 1) {
      const progress = (share: number, text: () => string): void =>
        stage.terminal.progress(at + share, slices, text);
      await this.#slice('dummy', seconds / slices, (share, text) => progress(share / 2, text));
      if (at === 0) memory.endBaseline();
      await this.#slice('members', seconds / slices, (share, text) =>
        progress((1 + share) / 2, text),
      );
    }
    return {
      outcomes: this.#outcomes,
      processor: this.#processor,
      termChanges: this.#termChanges,
      logLines: await logsSince(stage, linesBefore),
      elapsedMs: performance.now() - startMs,
    };
  }

  /** Attacks the members while `act` runs. Returns by how much the term rose. */
  async during(act: () => Promise<void>): Promise<number> {
    const { stage, swarm } = this.#parts;
    const term = await highestTerm(stage);
    await swarm.attack(this.#members(), term);
    await settled();
    await act();
    await swarm.rest();
    return (await highestTerm(stage)) - term;
  }

  async #slice(
    aim: Aim,
    seconds: number,
    onProgress: (share: number, text: () => string) => void,
  ): Promise<void> {
    const { stage, swarm, load } = this.#parts;
    const term = await highestTerm(stage);
    const membersBefore = await processorSecondsOf(stage);
    await swarm.attack(aim === 'dummy' ? this.#parts.dummy : this.#members(), term);
    await settled();
    load.begin(aim);
    await waiting(seconds * 1000, (share) => {
      onProgress(share, () => `the swarm attacks the ${aim}`);
    });
    load.end();
    const { tallies, cpuMs } = await swarm.rest();
    const ofMembers = (await processorSecondsOf(stage)) - membersBefore;
    this.#processor[aim].swarm += cpuMs / 1000;
    this.#processor[aim].members += ofMembers;
    const termAfter = await highestTerm(stage);
    this.#termChanges[aim] += termAfter - term;
    if (aim === 'members') this.#addTallies(tallies);
    const { writesPerSecond, p99Ms } = load.last;
    stage.timeline.note(
      `${aim.padEnd(7)}: ${count(Math.round(writesPerSecond))} writes/s, p99 ${duration(p99Ms)}, term ${termAfter}, processor time of the swarm ${duration(cpuMs)}, of the members ${duration(ofMembers * 1000)}`,
    );
  }

  #members(): Target[] {
    return this.#parts.stage.cluster.running.map(({ id, ports }) => ({
      id: String(id),
      host: '127.0.0.1',
      port: ports.transport,
      apiPort: ports.api,
    }));
  }

  #addTallies(tallies: Tallies): void {
    for (const [attack, outcomes] of Object.entries(tallies)) {
      const sums = this.#outcomes.get(attack) ?? new Map<string, number>();
      this.#outcomes.set(attack, sums);
      for (const [outcome, times] of Object.entries(outcomes)) {
        sums.set(outcome, (sums.get(outcome) ?? 0) + times);
      }
    }
  }
}

const settled = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, settleMs));

async function waiting(ms: number, onProgress: (share: number) => void): Promise<void> {
  const startMs = performance.now();
  for (;;) {
    const share = (performance.now() - startMs) / ms;
    if (share >= 1) return;
    onProgress(share);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
