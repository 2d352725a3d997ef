/** How long a cluster takes no writes when its leader is killed: many times, as percentiles. */
import { counted, duration } from '../../common/figures.ts';
import type { Terminal } from '../../common/terminal.ts';
import type { Workplace } from '../../common/workplace.ts';
import { percentile } from '../figures.ts';
import type { ClusterSettings } from '../settings.ts';
import { Stage } from '../stage.ts';

export interface FailoverSettings extends ClusterSettings {
  readonly kills: number;
}

/** The default of a node: 10 ticks of 100 ms. A follower waits for one to two of them, by chance. */
const electionTimeoutMs = 1000;

export async function measureFailover(
  terminal: Terminal,
  workplace: Workplace,
  { nodes, walTypes, kills }: FailoverSettings,
): Promise<readonly string[]> {
  terminal.line(terminal.style('bold', 'Babuza: how long nobody leads when a leader is killed'));
  terminal.step(`Kill the leader of ${counted(nodes, 'node')}, ${counted(kills, 'time')}`);
  const stage = await Stage.open(terminal, workplace, {
    nodes,
    walTypes,
    withProxies: false,
    snapshotEntries: 10_000,
    compactionMargin: 5000,
  });
  let snapshots = 0;
  const tookMs: number[] = [];
  for (let kill = 0; kill < kills; kill += 1) {
    const { id } = await stage.leader();
    const { tookOver } = await stage.watchingSnapshots(id, async () => {
      const startMs = performance.now();
      await stage.cluster.kill(id);
      await stage.admin.put('failover', Buffer.from(String(kill)));
      tookMs.push(performance.now() - startMs);
      await stage.cluster.start(id);
      await stage.agree();
    });
    if (tookOver) snapshots += 1;
    terminal.progress(kill + 1, kills, () => `the last took ${duration(tookMs.at(-1) ?? 0)}`);
  }
  terminal.clearProgress();
  terminal.step('Figures of this run');
  const row = (name: string, share: number): [string, string, string] => {
    const ms = percentile(tookMs, share);
    const timeouts = (ms / electionTimeoutMs).toFixed(1);
    return [name, duration(ms), `${timeouts} election timeouts of ${electionTimeoutMs} ms`];
  };
  terminal.note('From SIGKILL to the acknowledgement of a write that was sent right after it:');
  terminal.table([row('p50', 0.5), row('p99', 0.99), row('slowest', 1)]);
  terminal.note(`${counted(snapshots, 'snapshot')} for nodes that came back`);
  if (snapshots > 0)
    stage.fail('a node that came back needed a snapshot, though the log had its entries');
  return stage.failures;
}
