/** Memory of a node whose log holds 100,000 entries, alone and with a member that is away. */
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { table } from './measure.ts';
import type { NodeMemoryFigures, NodeScenario } from './node-memory-process.ts';

const entries = 100_000;
const payloads = [100, 1024, 10 * 1024];
const scenarios: readonly NodeScenario[] = ['alone', 'member-away'];

const mebibytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(2);

export async function benchNodeMemory(
  above: string,
  progress: (text: string) => void,
): Promise<void> {
  const rows: string[][] = [];
  for (const scenario of scenarios) {
    for (const payloadBytes of payloads) {
      progress(`a node (${scenario}): 100,000 entries of ${payloadBytes} B`);
      const figures = await measured(scenario, `${above}/node`, payloadBytes);
      rows.push([
        scenario === 'alone' ? 'alone' : 'leader, a member away',
        `${payloadBytes.toLocaleString('en')} B`,
        mebibytes(figures.entries * payloadBytes),
        mebibytes(figures.indexBytes),
        mebibytes(figures.cacheBytes),
        mebibytes(figures.javaScriptBytes),
        mebibytes(figures.anonymousRssBytes),
        scenario === 'alone' ? '' : mebibytes(figures.catchUpPeakRssBytes),
        Math.round(figures.entries / figures.seconds).toLocaleString('en'),
      ]);
    }
  }
  progress('');
  console.log(
    '\nmemory of a running node with 100,000 entries in its log (MiB, growth for each node)\n',
  );
  const header = ['', 'payload', 'in the log', 'index', 'cache', 'all JavaScript', 'RSS'];
  console.log(table([...header, 'peak of three while it catches up', 'proposals/s'], rows));
}

async function measured(
  scenario: NodeScenario,
  directory: string,
  payloadBytes: number,
): Promise<NodeMemoryFigures> {
  const script = fileURLToPath(new URL('node-memory-process.js', import.meta.url));
  const given = [scenario, directory, String(payloadBytes), String(entries)];
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', script, ...given]);
  await rm(directory, { recursive: true });
  return JSON.parse(stdout);
}
