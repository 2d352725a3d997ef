/** The figures of a run, each with what it is: all of them were counted or measured in this run. */
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
    ['writes', count(acknowledged.writes), 'acknowledged; each of them was compared on every node'],
    ['content', byteSize(acknowledged.bytes), 'of the values'],
    [
      'proposals',
      `${Math.round(acknowledged.writes / seconds)}/s`,
      'of the load, with all that was done to the nodes',
    ],
    ['p50', duration(percentile(latenciesMs, 0.5)), 'of a write, from the client and back'],
    ['p99', duration(percentile(latenciesMs, 0.99)), 'of a write; the killed leader is in it'],
    [
      'slowest',
      duration(Math.max(...latenciesMs)),
      'the write that waited for the new leader longest, as a rule',
    ],
    ['failover', duration(tookMs), 'from SIGKILL to a write that was sent after it'],
    [
      'syncs',
      (figure('syncs') / numberAt(all, 'wal', 'entries')).toFixed(2),
      'for each entry of the leader: many share one',
    ],
    [
      'log',
      byteSize(figure('bytesWritten')),
      `written by the leader; ${counted(held, 'entry', 'entries')} are in it now`,
    ],
    ['index', byteSize(figure('indexBytes')), 'memory of the index of that log'],
    ['cache', byteSize(figure('cacheBytes')), 'memory of its cached entries'],
    [
      'heap',
      byteSize(figure('heapUsed') + figure('external')),
      `of the leader, its state of ${byteSize(bytes)} included`,
    ],
  ]);
}

function numberAt(all: Readonly<Record<string, unknown>>, part: string, name: string): number {
  const within = all[part];
  const value: unknown =
    typeof within === 'object' && within !== null ? Reflect.get(within, name) : undefined;
  return typeof value === 'number' ? value : Number.NaN;
}
