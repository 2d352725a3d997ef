/**
 * Looks at a cluster every few seconds: what its processes and disks take, and how long writes took
 * since.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { percentile } from '../figures.ts';
import { bytesBelow, processFigures, type ProcessFigures } from '../node-figures.ts';
import type { Stage } from '../stage.ts';

/** The cluster at one moment. What a node did not answer is missing. */
export interface Row {
  readonly atMs: number;
  readonly writesPerSecond: number;
  /** The latencies of the writes since the row before; missing where there was none. */
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  /** The sum over all nodes. */
  readonly diskBytes: number;
  /** By node, in the order of their ids. */
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

  /** An acknowledged write took so long. */
  onWrite(elapsedMs: number): void {
    this.#elapsedMs.push(elapsedMs);
  }

  /** `onRow` is called after each look. */
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
