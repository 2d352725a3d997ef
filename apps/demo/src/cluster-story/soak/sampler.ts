/**
 * Samples a cluster every three seconds: memory and handles of its processes, its disk space, and
 * the latencies of the writes since the last sample.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { percentile } from '../figures.ts';
import { bytesBelow, processFigures, type ProcessFigures } from '../node-figures.ts';
import type { Stage } from '../stage.ts';

/** One sample of the cluster. Values of a node that did not answer are missing. */
export interface Row {
  readonly atMs: number;
  readonly writesPerSecond: number;
  /** Percentiles of the latencies since the last sample; `undefined` when there was no write. */
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  /** The sum over all nodes. */
  readonly diskBytes: number;
  /** The figures of each node, ordered by id. */
  readonly processes: readonly (ProcessFigures | undefined)[];
}

const intervalMs = 3000;

export class Sampler {
  readonly rows: Row[] = [];
  readonly #startMs = performance.now();
  readonly #ending = new AbortController();
  #sinceMs = performance.now();
  #elapsedMs: number[] = [];
  #running: Promise<void> = Promise.resolve();

  /** Records the latency of an acknowledged write. */
  onWrite(elapsedMs: number): void {
    this.#elapsedMs.push(elapsedMs);
  }

  /** Starts sampling. `onRow` is called after each sample. */
  start(stage: Stage, onRow: () => void): void {
    this.#running = this.#work(stage, onRow);
    // It is awaited by `stop`.
    this.#running.catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#running;
  }

  async #work(stage: Stage, onRow: () => void): Promise<void> {
    const { signal } = this.#ending;
    for (;;) {
      await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      this.rows.push(await this.#look(stage));
      onRow();
    }
  }

  async #look({ cluster, admin }: Stage): Promise<Row> {
    const { nodes } = cluster;
    const nowMs = performance.now();
    const elapsedMs = this.#elapsedMs;
    this.#elapsedMs = [];
    const writesPerSecond = (elapsedMs.length / (nowMs - this.#sinceMs)) * 1000;
    this.#sinceMs = nowMs;
    const processes = await Promise.all(
      nodes.map(async (node) => (node.handle.isRunning ? processFigures(admin, node) : undefined)),
    );
    const disks = await Promise.all(nodes.map(({ directory }) => bytesBelow(directory)));
    return {
      atMs: nowMs - this.#startMs,
      writesPerSecond,
      p50Ms: elapsedMs.length === 0 ? undefined : percentile(elapsedMs, 0.5),
      p99Ms: elapsedMs.length === 0 ? undefined : percentile(elapsedMs, 0.99),
      diskBytes: disks.reduce((sum, bytes) => sum + bytes, 0),
      processes,
    };
  }
}
