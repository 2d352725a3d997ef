/**
 * Measures how long a cluster accepts no writes while the disk of its leader hangs, and checks that
 * a short stall of the disk does not change the leader.
 */
import { counted, duration } from '../../common/figures.ts';
import type { Terminal } from '../../common/terminal.ts';
import type { Workplace } from '../../common/workplace.ts';
import type { ClusterNode } from '../../cluster/cluster.ts';
import type { KeyValueClient } from '../../cluster/client/index.ts';
import { percentile } from '../figures.ts';
import type { ClusterSettings } from '../settings.ts';
import { Stage, type NoticeListener } from '../stage.ts';
import { electionTimeoutMs, printPercentiles } from './failover-figures.ts';

export interface HungDiskSettings extends ClusterSettings {
  /** The number of hangs or stalls. */
  readonly kills: number;
}

/** The default bound of a node on a disk operation: half an election timeout. */
const boundMs = electionTimeoutMs / 2;
/** The longest stall of this story; it must not change the leader. */
const stallMsMax = 0.8 * boundMs;
/** The aims for the time without writes, in election timeouts. */
const aims = { p99: 3, slowest: 10 };
/** A leader whose disk hangs does not answer, so the client tries another node after this time. */
const attemptTimeoutMs = 300;

/** The figures of one hang, counted from its beginning. */
interface Failover {
  readonly ledMs: number;
  readonly acknowledgedMs: number;
}

export async function measureHungDisks(
  terminal: Terminal,
  workplace: Workplace,
  settings: HungDiskSettings,
): Promise<readonly string[]> {
  const { nodes, kills } = settings;
  terminal.line(
    terminal.style('bold', 'Babuza: how long a cluster has no leader when a disk hangs'),
  );
  terminal.step(
    `Let the leader's disk hang in a cluster of ${counted(nodes, 'node')}, ${counted(kills, 'time')}`,
  );
  const stage = await openStage(terminal, workplace, settings);
  const client = stage.client(attemptTimeoutMs);
  const all: Failover[] = [];
  for (let hang = 0; hang < kills; hang += 1) {
    const failover = await hangOnce(stage, client, hang);
    all.push(failover);
    terminal.progress(hang + 1, kills, () => `the last took ${duration(failover.acknowledgedMs)}`);
  }
  terminal.clearProgress();
  terminal.step('Figures of this run');
  terminal.note('From the hang to the acknowledgement of a write that was sent right after it:');
  const acknowledgedMs = all.map((failover) => failover.acknowledgedMs);
  printPercentiles(terminal, acknowledgedMs);
  terminal.note('From the hang until another node leads:');
  printPercentiles(
    terminal,
    all.map(({ ledMs }) => ledMs),
  );
  judge(stage, acknowledgedMs);
  return stage.failures;
}

export async function measureShortStalls(
  terminal: Terminal,
  workplace: Workplace,
  settings: HungDiskSettings,
): Promise<readonly string[]> {
  const { nodes, kills } = settings;
  terminal.line(
    terminal.style('bold', 'Babuza: a short stall of a disk does not change the leader'),
  );
  terminal.step(
    `Stall the leader's disk in a cluster of ${counted(nodes, 'node')} for up to ${stallMsMax} ms, ${counted(kills, 'time')}`,
  );
  const stage = await openStage(terminal, workplace, settings);
  const leader = await stage.leader();
  const client = stage.client();
  const changes: string[] = [];
  const listener: NoticeListener = (id, { type }) => {
    if (type === 'leadership-acquired') changes.push(`node ${id} leads`);
  };
  await stage.listening(listener, async () => {
    for (let stall = 0; stall < kills; stall += 1) {
      leader.handle.hangDisk();
      const written = client.put('stall', Buffer.from(String(stall)));
      await pause(Math.random() * stallMsMax);
      leader.handle.releaseDisk();
      await written;
      await pause(Math.random() * 50);
      terminal.progress(stall + 1, kills, () => `${changes.length} changes of leader`);
    }
  });
  terminal.clearProgress();
  if (changes.length === 0) stage.timeline.good(`${counted(kills, 'stall')}, no change of leader`);
  else stage.fail(`a short stall changed the leader: ${changes.join(', ')}`);
  return stage.failures;
}

function openStage(
  terminal: Terminal,
  workplace: Workplace,
  { nodes, walTypes }: HungDiskSettings,
): Promise<Stage> {
  return Stage.open(terminal, workplace, {
    nodes,
    walTypes,
    withProxies: false,
    withHangingDisks: true,
    snapshotEntries: 10_000,
    compactionMargin: 5000,
  });
}

async function hangOnce(stage: Stage, client: KeyValueClient, hang: number): Promise<Failover> {
  const leader = await stage.leader();
  // Quick saves bring the bound on slow disks back to its default. It doubles each time that a node
  // hands leadership over.
  for (let at = 0; at < 20; at += 1) await client.put('working', Buffer.from(`${hang}/${at}`));
  const startMs = performance.now();
  let ledMs = 0;
  let acknowledgedMs = 0;
  const campaigned: string[] = [];
  const listener: NoticeListener = (id, notice) => {
    if (notice.type !== 'leadership-acquired') return;
    if (id === leader.id) campaigned.push(`in term ${notice.term}`);
    else if (ledMs === 0) ledMs = performance.now() - startMs;
  };
  await stage.listening(listener, async () => {
    leader.handle.hangDisk();
    await client.put('failover', Buffer.from(String(hang)));
    acknowledgedMs = performance.now() - startMs;
    await checkUnready(stage, leader);
    await pause(electionTimeoutMs);
    if (campaigned.length > 0) {
      stage.fail(`node ${leader.id} led ${campaigned.join(', ')} while its disk hung`);
    }
    leader.handle.releaseDisk();
    await stage.agree();
  });
  return { ledMs, acknowledgedMs };
}

/** The readiness of a node must report that its disk hangs. */
async function checkUnready(stage: Stage, { id, apiUrl }: ClusterNode): Promise<void> {
  const { all } = await stage.admin.cluster.status({ at: apiUrl });
  const readiness = JSON.stringify(all['readiness']);
  if (!readiness.includes('a save to the log')) {
    stage.fail(`the readiness of node ${id} does not report its hung disk: ${readiness}`);
  }
}

function judge(stage: Stage, acknowledgedMs: readonly number[]): void {
  const p99 = percentile(acknowledgedMs, 0.99);
  const slowest = percentile(acknowledgedMs, 1);
  const isGood = p99 <= aims.p99 * electionTimeoutMs && slowest <= aims.slowest * electionTimeoutMs;
  const aim = `p99 within ${aims.p99} election timeouts, all within ${aims.slowest}`;
  if (isGood) stage.timeline.good(aim);
  else stage.fail(`the aim was ${aim}; p99 was ${duration(p99)}, the slowest ${duration(slowest)}`);
}

const pause = (delayMs: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, delayMs));
