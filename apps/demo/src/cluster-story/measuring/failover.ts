/**
 * Measures how long a cluster accepts no writes after its leader is killed. It repeats this many
 * times and prints percentiles.
 */
import { counted, duration } from '../../common/figures.ts';
import type { Terminal } from '../../common/terminal.ts';
import type { Workplace } from '../../common/workplace.ts';
import type { ClusterSettings } from '../settings.ts';
import { type NoticeListener, Stage } from '../stage.ts';
import { printPercentiles } from './failover-figures.ts';

export interface FailoverSettings extends ClusterSettings {
  readonly kills: number;
}

/** The figures of one kill, counted from SIGKILL. */
interface Failover {
  readonly ledMs: number;
  readonly acknowledgedMs: number;
  /** Terms without a leader, because their election failed. */
  readonly lostTerms: number;
  /** Whether the killed node needed a snapshot to catch up. */
  readonly tookSnapshot: boolean;
}

export async function measureFailover(
  terminal: Terminal,
  workplace: Workplace,
  { nodes, walTypes, kills }: FailoverSettings,
): Promise<readonly string[]> {
  terminal.line(terminal.style('bold', 'Babuza: how long a cluster has no leader after a kill'));
  terminal.step(`Kill the leader of ${counted(nodes, 'node')}, ${counted(kills, 'time')}`);
  const stage = await Stage.open(terminal, workplace, {
    nodes,
    walTypes,
    withProxies: false,
    snapshotEntries: 10_000,
    compactionMargin: 5000,
  });
  const all: Failover[] = [];
  for (let kill = 0; kill < kills; kill += 1) {
    const failover = await killOnce(stage, kill);
    all.push(failover);
    terminal.progress(kill + 1, kills, () => `the last took ${duration(failover.acknowledgedMs)}`);
  }
  terminal.clearProgress();
  print(terminal, all);
  if (all.some(({ tookSnapshot }) => tookSnapshot))
    stage.fail(
      'a restarted node needed a snapshot, although the log of the leader had its entries',
    );
  return stage.failures;
}

async function killOnce(stage: Stage, kill: number): Promise<Failover> {
  const { id, apiUrl } = await stage.leader();
  const { term } = await stage.admin.cluster.status({ at: apiUrl });
  const startMs = performance.now();
  let ledMs = 0;
  let ledTerm = 0;
  let acknowledgedMs = 0;
  const listener: NoticeListener = (_, notice) => {
    if (notice.type !== 'leadership-acquired') return;
    // Later changes of the leader do not belong to this failover.
    if (ledMs > 0 && acknowledgedMs > 0) return;
    ledMs = performance.now() - startMs;
    ledTerm = notice.term;
  };
  const failOver = async (): Promise<void> => {
    await stage.cluster.kill(id);
    await stage.admin.put('failover', Buffer.from(String(kill)));
    acknowledgedMs = performance.now() - startMs;
    await stage.cluster.start(id);
    await stage.agree();
  };
  const { hasInstalledSnapshot } = await stage.watchingSnapshots(id, () =>
    stage.listening(listener, failOver),
  );
  return {
    ledMs,
    acknowledgedMs,
    lostTerms: ledTerm - term - 1,
    tookSnapshot: hasInstalledSnapshot,
  };
}

function print(terminal: Terminal, all: readonly Failover[]): void {
  terminal.step('Figures of this run');
  terminal.note('From SIGKILL to the acknowledgement of a write that was sent right after it:');
  printPercentiles(
    terminal,
    all.map(({ acknowledgedMs }) => acknowledgedMs),
  );
  terminal.note('From SIGKILL until a node leads:');
  printPercentiles(
    terminal,
    all.map(({ ledMs }) => ledMs),
  );
  const lostTerms = all.reduce((sum, failover) => sum + failover.lostTerms, 0);
  terminal.note(`${counted(lostTerms, 'term')} without an elected leader`);
  const snapshots = all.filter(({ tookSnapshot }) => tookSnapshot).length;
  terminal.note(`${counted(snapshots, 'snapshot')} sent to restarted nodes`);
}
