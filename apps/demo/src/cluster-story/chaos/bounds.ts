/**
 * Samples the heap, handles and disk space of the nodes during the faults, and compares the maximum
 * of each with a bound.
 */
import { byteSize, count } from '../../common/figures.ts';
import { bytesBelow, processFigures } from '../node-figures.ts';
import type { Stage } from '../stage.ts';

const mebibyte: number = 1024 * 1024;

/**
 * Bounds for the load of this story: a few megabytes of state, three snapshots of it and one that
 * is being written, and a log of a few thousand entries. The heap holds the state, pending requests
 * and garbage.
 */
const bounds = { heapBytes: 320 * mebibyte, handles: 500, diskBytes: 256 * mebibyte };

export class Bounds {
  readonly #stage: Stage;
  readonly #most = { heapBytes: 0, handles: 0, diskBytes: 0 };

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  async look(): Promise<void> {
    const { cluster, admin } = this.#stage;
    for (const node of cluster.running) {
      const figures = await processFigures(admin, node);
      this.#see('heapBytes', figures?.heapBytes ?? 0);
      this.#see('handles', figures?.handles ?? 0);
      this.#see('diskBytes', await bytesBelow(node.directory));
    }
  }

  judge(): void {
    const { heapBytes, handles, diskBytes } = this.#most;
    const seen = `at most ${byteSize(heapBytes)} of heap, ${count(handles)} handles and ${byteSize(diskBytes)} of disk on a node`;
    if (heapBytes === 0 || handles === 0 || diskBytes === 0) {
      this.#stage.fail(`no node reported its figures: ${seen}`);
      return;
    }
    const isWithin =
      heapBytes <= bounds.heapBytes && handles <= bounds.handles && diskBytes <= bounds.diskBytes;
    if (isWithin) this.#stage.timeline.good(seen);
    else this.#stage.fail(`${seen}: above the bound`);
  }

  #see(name: keyof typeof bounds, value: number): void {
    this.#most[name] = Math.max(this.#most[name], value);
  }
}
