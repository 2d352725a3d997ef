/** Prints percentiles of failovers, in time and in election timeouts. */
import { duration } from '../../common/figures.ts';
import type { Terminal } from '../../common/terminal.ts';
import { percentile } from '../figures.ts';

/**
 * The default election timeout of a node: 10 ticks of 100 ms. A follower waits for one to two of
 * them, chosen at random.
 */
export const electionTimeoutMs = 1000;

export function printPercentiles(terminal: Terminal, samples: readonly number[]): void {
  const row = (name: string, share: number): [string, string, string] => {
    const ms = percentile(samples, share);
    const timeouts = (ms / electionTimeoutMs).toFixed(1);
    return [name, duration(ms), `${timeouts} election timeouts of ${electionTimeoutMs} ms`];
  };
  terminal.table([row('p50', 0.5), row('p99', 0.99), row('slowest', 1)]);
}
