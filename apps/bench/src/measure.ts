/** Medians and percentiles of what was measured, and the table that they are printed as. */

/** The value below which `share` (0 to 1) of the samples lie. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((left, right) => left - right);
  const at = Math.min(sorted.length - 1, Math.floor(sorted.length * share));
  return sorted[at] ?? Number.NaN;
}

export function median(samples: readonly number[]): number {
  return percentile(samples, 0.5);
}

/** One way to do a piece of work, several rounds of it. */
export interface Contender {
  readonly name: string;
  /** Does the work once and returns the latency of each operation, in microseconds. */
  run(): Promise<number[]>;
}

export interface Figures {
  readonly name: string;
  readonly p50Us: number;
  readonly p99Us: number;
  /** Median over the rounds of the time for a whole round. */
  readonly totalMs: number;
}

/**
 * Runs the contenders in turn, round by round, so that a slow moment of the machine meets all of
 * them. A first round, which warms everything up, does not count.
 */
export async function compare(
  contenders: readonly Contender[],
  rounds: number,
  onProgress: (done: number, all: number) => void,
): Promise<Figures[]> {
  const samples = contenders.map(() => ({ latencies: [] as number[], totals: [] as number[] }));
  for (let round = 0; round <= rounds; round += 1) {
    for (const [at, contender] of contenders.entries()) {
      const startedMs = performance.now();
      const latencies = await contender.run();
      const tookMs = performance.now() - startedMs;
      onProgress(round * contenders.length + at + 1, (rounds + 1) * contenders.length);
      if (round === 0) continue;
      samples[at]?.latencies.push(...latencies);
      samples[at]?.totals.push(tookMs);
    }
  }
  return contenders.map(({ name }, at) => ({
    name,
    p50Us: median(samples[at]?.latencies ?? []),
    p99Us: percentile(samples[at]?.latencies ?? [], 0.99),
    totalMs: median(samples[at]?.totals ?? []),
  }));
}

/** A table with aligned columns; the first column is text, the others numbers. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ');
  return [line(header), line(widths.map((width) => '─'.repeat(width))), ...rows.map(line)].join(
    '\n',
  );
}
