/**
 * Writes the samples of a soak as a CSV table, and as an HTML page with plots that needs only a
 * browser.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Row } from './sampler.ts';

/** One plot: lines over time. */
interface Plot {
  readonly title: string;
  readonly lines: readonly {
    readonly label: string;
    readonly values: readonly (number | null)[];
  }[];
}

const mebibyte: number = 1024 * 1024;

export function tableOf(rows: readonly Row[]): string {
  const nodes = rows[0]?.processes.map((_, at) => at + 1) ?? [];
  const header = ['seconds', 'writes_per_second', 'p50_ms', 'p99_ms', 'disk_bytes'];
  for (const id of nodes) header.push(`rss_bytes_${id}`, `heap_bytes_${id}`, `handles_${id}`);
  const lines = rows.map((row) => {
    const { atMs, writesPerSecond, p50Ms, p99Ms, diskBytes, processes } = row;
    const cells: (number | undefined)[] = [rounded(atMs / 1000), rounded(writesPerSecond)];
    cells.push(rounded(p50Ms), rounded(p99Ms), diskBytes);
    for (const figures of processes) {
      cells.push(figures?.rssBytes, figures?.heapBytes, figures?.handles);
    }
    return cells.map((cell) => cell ?? '').join(',');
  });
  return `${[header.join(','), ...lines].join('\n')}\n`;
}

/** Writes both files and returns their paths. `path` is the common path without the extension. */
export async function writeReport(
  path: string,
  title: string,
  rows: readonly Row[],
  verdicts: readonly string[],
): Promise<readonly string[]> {
  const paths = [`${path}.csv`, `${path}.html`] as const;
  await writeFile(paths[0], tableOf(rows));
  await writeFile(paths[1], await pageOf(title, rows, verdicts));
  return paths;
}

export async function pageOf(
  title: string,
  rows: readonly Row[],
  verdicts: readonly string[],
): Promise<string> {
  const { resolve } = createRequire(import.meta.url);
  const script = await readFile(resolve('uplot/dist/uPlot.iife.min.js'), 'utf8');
  const style = await readFile(resolve('uplot/dist/uPlot.min.css'), 'utf8');
  const seconds = rows.map(({ atMs }) => atMs / 1000);
  const data = JSON.stringify({ seconds, plots: plotsOf(rows) });
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${escaped(title)}</title>
<style>${style}
body { font-family: sans-serif; margin: 2em; }
</style>
<h1>${escaped(title)}</h1>
<ul>
${verdicts.map((verdict) => `<li>${escaped(verdict)}</li>`).join('\n')}
</ul>
<div id="plots"></div>
<script>${script}</script>
<script type="application/json" id="data">${data}</script>
<script>
const { seconds, plots } = JSON.parse(document.getElementById('data').textContent);
const colors = ['#1f77b4', '#d62728', '#2ca02c', '#9467bd', '#ff7f0e', '#8c564b', '#e377c2', '#7f7f7f', '#17becf'];
for (const { title, lines } of plots) {
  const series = lines.map(({ label }, at) => ({ label, stroke: colors[at % colors.length], spanGaps: false }));
  const scales = { x: { time: false }, y: { range: (_, low, high) => [0, high * 1.05 || 1] } };
  const options = { title, width: 1000, height: 260, scales, series: [{ label: 'seconds' }, ...series] };
  new uPlot(options, [seconds, ...lines.map(({ values }) => values)], document.getElementById('plots'));
}
</script>
</html>
`;
}

function plotsOf(rows: readonly Row[]): readonly Plot[] {
  const nodes = rows[0]?.processes.map((_, at) => at) ?? [];
  const line = (label: string, valueOf: (row: Row) => number | undefined) => ({
    label,
    values: rows.map((row) => valueOf(row) ?? null),
  });
  const byNode = (valueOf: (row: Row, at: number) => number | undefined) =>
    nodes.map((at) => line(`node ${at + 1}`, (row) => valueOf(row, at)));
  return [
    {
      title: 'Resident memory, MiB',
      lines: byNode(({ processes }, at) => mebibytes(processes[at]?.rssBytes)),
    },
    {
      title: 'Heap, MiB',
      lines: byNode(({ processes }, at) => mebibytes(processes[at]?.heapBytes)),
    },
    { title: 'Handles', lines: byNode(({ processes }, at) => processes[at]?.handles) },
    {
      title: 'Disk of all nodes, MiB',
      lines: [line('disk', ({ diskBytes }) => mebibytes(diskBytes))],
    },
    {
      title: 'Latency of writes, ms',
      lines: [line('p50', ({ p50Ms }) => p50Ms), line('p99', ({ p99Ms }) => p99Ms)],
    },
    {
      title: 'Acknowledged writes per second',
      lines: [line('writes', ({ writesPerSecond }) => writesPerSecond)],
    },
  ];
}

const mebibytes = (bytes: number | undefined): number | undefined =>
  bytes === undefined ? undefined : bytes / mebibyte;

const rounded = (value: number | undefined): number | undefined =>
  value === undefined ? undefined : Math.round(value * 10) / 10;

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
