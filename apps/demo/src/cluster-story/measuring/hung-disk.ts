/**
 * How long a cluster takes no writes when the disk of its leader hangs, many times; and that a disk which only stalls for a
 * short while changes no leader.
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
  /** How many disks hang, or stall. */
  readonly kills: number;
}

/** The default of a node: half an election timeout. */
const boundMs = electionTimeoutMs / 2;
/** The longest stall that must change nothing. */
const stallMsMax = 0.8 * boundMs;
/** In election timeouts. */
const aims = { p99: 3, slowest: 10 };
/** An attempt at a leader that hangs has no answer: the client tries another node soon. */
const attemptTimeoutMs = 300;

/** Of one hang, from its beginning on. */
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
    terminal.style('bold', 'Babuza: how long nobody leads when the disk of a leader hangs'),
  );
  terminal.step(`Hang the leader's disk of ${counted(nodes, 'node')}, ${counted(kills, 'time')}`);
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
  terminal.note('Of that, until another node leads:');
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
    terminal.style('bold', 'Babuza: a disk that stalls for a short while changes no leader'),
  );
  terminal.step(
    `Stall the leader's disk of ${counted(nodes, 'node')} for up to ${stallMsMax} ms, ${counted(kills, 'time')}`,
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
  // Its disk works before it hangs: else the node would have every reason to be patient.
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

/** A node whose disk hangs says so. */
async function checkUnready(stage: Stage, { id, apiUrl }: ClusterNode): Promise<void> {
  const { all } = await stage.admin.cluster.status({ at: apiUrl });
  const readiness = JSON.stringify(all['readiness']);
  if (!readiness.includes('a save to the log')) {
    stage.fail(`node ${id}, whose disk hangs, says of its readiness: ${readiness}`);
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
