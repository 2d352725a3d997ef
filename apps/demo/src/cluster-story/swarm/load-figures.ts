/** The latencies of the clients' writes, grouped by the slice of the run in which they ended. */
import { percentile } from '../figures.ts';

/** The target of the swarm in a slice. */
export type Aim = 'dummy' | 'members';

interface Slice {
  readonly aim: Aim;
  readonly latenciesMs: number[];
  /** `undefined` while the slice is running. */
  seconds?: number;
}

export interface LoadFigures {
  readonly writesPerSecond: number;
  readonly p99Ms: number;
  readonly seconds: number;
}

export class LoadBySlice {
  readonly #slices: Slice[] = [];
  #current: Slice | undefined;
  #startMs = 0;

  begin(aim: Aim): void {
    this.#current = { aim, latenciesMs: [] };
    this.#startMs = performance.now();
  }

  add(elapsedMs: number): void {
    this.#current?.latenciesMs.push(elapsedMs);
  }

  end(): void {
    if (this.#current === undefined) return;
    this.#current.seconds = (performance.now() - this.#startMs) / 1000;
    this.#slices.push(this.#current);
    this.#current = undefined;
  }

  /** The figures of the slice that ended last. */
  get last(): LoadFigures {
    return figuresOf(this.#slices.slice(-1));
  }

  of(aim: Aim): LoadFigures {
    return figuresOf(this.#slices.filter((slice) => slice.aim === aim));
  }
}

function figuresOf(slices: readonly Slice[]): LoadFigures {
  const latenciesMs = slices.flatMap((slice) => slice.latenciesMs);
  const seconds = slices.reduce((sum, slice) => sum + (slice.seconds ?? 0), 0);
  return {
    writesPerSecond: latenciesMs.length / seconds,
    p99Ms: percentile(latenciesMs, 0.99),
    seconds,
  };
}
