/** Prints the figures of a run. All of them were counted or measured in this run. */
import { byteSize, count, counted, duration } from '../common/figures.ts';
import type { Acknowledged } from './acknowledged.ts';
import { percentile } from './figures.ts';
import type { Load } from './load.ts';
import type { Failover } from './scenes.ts';
import type { Stage } from './stage.ts';

export async function printClusterFigures(
  stage: Stage,
  load: Load,
  acknowledged: Acknowledged,
  { tookMs }: Failover,
): Promise<void> {
  const { terminal, admin } = stage;
  const leader = await stage.leader();
  const { all, bytes } = await admin.cluster.status({ at: leader.apiUrl });
  const figure = (name: string): number => numberAt(all, 'figures', name);
  const held = Number(all['lastIndex']) - Number(all['firstIndex']) + 1;
  terminal.step('Figures of this run');
  const { latenciesMs, seconds } = load;
  terminal.table([
    ['writes', count(acknowledged.writes), 'acknowledged; each was compared on every node'],
    ['content', byteSize(acknowledged.bytes), 'total size of the values'],
    [
      'proposals',
      `${Math.round(acknowledged.writes / seconds)}/s`,
      'acknowledged per second, faults included',
    ],
    ['p50', duration(percentile(latenciesMs, 0.5)), 'latency of a write, as the client sees it'],
    ['p99', duration(percentile(latenciesMs, 0.99)), 'latency of a write, the failover included'],
    [
      'slowest',
      duration(Math.max(...latenciesMs)),
      'usually the write that waited longest for the new leader',
    ],
    ['failover', duration(tookMs), 'from SIGKILL to the acknowledgement of a write sent after it'],
    [
      'syncs',
      (figure('syncs') / numberAt(all, 'wal', 'entries')).toFixed(2),
      'syncs per entry on the leader; many entries share a sync',
    ],
    [
      'log',
      byteSize(figure('bytesWritten')),
      `written by the leader; ${counted(held, 'entry', 'entries')} in the log now`,
    ],
    ['index', byteSize(figure('indexBytes')), 'memory of the index of the log'],
    ['cache', byteSize(figure('cacheBytes')), 'memory of the cached entries'],
    [
      'heap',
      byteSize(figure('heapUsed') + figure('external')),
      `memory of the leader, including ${byteSize(bytes)} of state`,
    ],
  ]);
}

function numberAt(all: Readonly<Record<string, unknown>>, part: string, name: string): number {
  const within = all[part];
  const value: unknown =
    typeof within === 'object' && within !== null ? Reflect.get(within, name) : undefined;
  return typeof value === 'number' ? value : Number.NaN;
}
