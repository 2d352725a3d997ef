/** Samples the resident memory of the members during the attacks. */
import { readFile } from 'node:fs/promises';
import type { Stage } from '../stage.ts';
import { processFigures } from '../node-figures.ts';

const intervalMs = 100;

export class ResidentMemory {
  readonly #stage: Stage;
  readonly #peaks = new Map<bigint, number>();
  readonly #baselines = new Map<bigint, number>();
  #isEnding = false;
  #sampling: Promise<void> = Promise.resolve();

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  start(): void {
    this.#sampling = this.#sample();
  }

  /** Keeps the peaks so far as the baseline, and starts to record new peaks. */
  endBaseline(): void {
    for (const [id, bytes] of this.#peaks) this.#baselines.set(id, bytes);
    this.#peaks.clear();
  }

  async stop(): Promise<void> {
    this.#isEnding = true;
    await this.#sampling;
  }

  /** For each member, its peak before the baseline ended and its peak after that. */
  get figures(): readonly {
    readonly id: bigint;
    readonly baselineBytes: number;
    readonly peakBytes: number;
  }[] {
    return [...this.#baselines].map(([id, baselineBytes]) => ({
      id,
      baselineBytes,
      peakBytes: this.#peaks.get(id) ?? 0,
    }));
  }

  async #sample(): Promise<void> {
    while (!this.#isEnding) {
      for (const node of this.#stage.cluster.running) {
        const bytes =
          (await residentBytes(node.handle.processId)) ??
          (await processFigures(this.#stage.admin, node))?.rssBytes ??
          0;
        this.#peaks.set(node.id, Math.max(this.#peaks.get(node.id) ?? 0, bytes));
      }
      await new Promise((resolve) => setTimeout(resolve, intervalMs));
    }
  }
}

/** The processor time of a process since its start; 0 when the system does not report it. */
export async function processorSeconds(processId: number | undefined): Promise<number> {
  const text = await readFile(`/proc/${processId}/stat`, 'utf8').catch(() => '');
  // The fields follow the process name, which is in parentheses. User and system time are in
  // hundredths of a second.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / 100;
}

/** Returns `undefined` when the system has no `/proc` or no such process. */
async function residentBytes(processId: number | undefined): Promise<number | undefined> {
  const text = await readFile(`/proc/${processId}/status`, 'utf8').catch(() => '');
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}
