/**
 * What the processes of the nodes take while they are disturbed: looked at now and then, and
 * compared with what it may be.
 */
import { byteSize, count } from '../../common/figures.ts';
import { bytesBelow, processFigures } from '../node-figures.ts';
import type { Stage } from '../stage.ts';

const mebibyte: number = 1024 * 1024;

/**
 * For the load of this story: some megabytes of state, three snapshots of it and one that is made,
 * and the log of some thousands of entries. The heap holds the state, what is under way, and what
 * is not collected yet.
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
      this.#stage.fail(`no node said what it takes: ${seen}`);
      return;
    }
    const isWithin =
      heapBytes <= bounds.heapBytes && handles <= bounds.handles && diskBytes <= bounds.diskBytes;
    if (isWithin) this.#stage.timeline.good(seen);
    else this.#stage.fail(`${seen}: more than it may be`);
  }

  #see(name: keyof typeof bounds, value: number): void {
    this.#most[name] = Math.max(this.#most[name], value);
  }
}
