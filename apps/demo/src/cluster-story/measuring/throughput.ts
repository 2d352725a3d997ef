/**
 * Measures how many writes of 1 KiB per second a cluster on one machine accepts, in one phase for
 * each number of clients.
 */
import type { KeyValueClient } from '../../cluster/client/index.ts';
import { byteSize, count, counted, duration } from '../../common/figures.ts';
import type { Terminal } from '../../common/terminal.ts';
import type { Workplace } from '../../common/workplace.ts';
import { percentile } from '../figures.ts';
import type { ClusterSettings } from '../settings.ts';
import { Stage } from '../stage.ts';

export interface ThroughputSettings extends ClusterSettings {
  /** The number of clients of each phase. */
  readonly clientCounts: readonly number[];
  /** The duration of each phase. */
  readonly seconds: number;
}

const valueBytes = 1024;
const keysPerClient = 100;
/** Time before measuring starts, for connections, sessions and the JIT compiler. */
const warmUpMs = 2000;

interface Phase {
  readonly clients: number;
  readonly latenciesMs: readonly number[];
  readonly seconds: number;
  readonly syncs: number;
}

export async function measureThroughput(
  terminal: Terminal,
  workplace: Workplace,
  settings: ThroughputSettings,
): Promise<readonly string[]> {
  const { nodes, walTypes, clientCounts, seconds } = settings;
  terminal.line(terminal.style('bold', 'Babuza: writes per second of a cluster on one machine'));
  terminal.step(`Write values of ${byteSize(valueBytes)} to ${counted(nodes, 'node')}, durably`);
  const stage = await Stage.open(terminal, workplace, {
    nodes,
    walTypes,
    withProxies: false,
    snapshotEntries: 100_000,
    compactionMargin: 5000,
  });
  await stage.leader();
  const phases: Phase[] = [];
  for (const clients of clientCounts) {
    phases.push(await phaseOf(stage, clients, seconds));
    stage.timeline.note(`${counted(clients, 'client')}: done`);
  }
  terminal.step('Figures of this run');
  for (const phase of phases) show(terminal, phase);
  return stage.failures;
}

async function phaseOf(stage: Stage, count: number, seconds: number): Promise<Phase> {
  const clients = Array.from({ length: count }, () => stage.client());
  await Promise.all(clients.map((client) => client.open()));
  const latenciesMs: number[] = [];
  const startMs = performance.now();
  const countsFromMs = startMs + warmUpMs;
  const endMs = countsFromMs + seconds * 1000;
  const leader = await stage.leader();
  const syncsOf = async (): Promise<number> => {
    const { all } = await stage.admin.cluster.status({ at: leader.apiUrl });
    const wal: unknown = all['wal'];
    return typeof wal === 'object' && wal !== null ? Number(Reflect.get(wal, 'syncs')) : Number.NaN;
  };
  const work = async (client: KeyValueClient, number: number): Promise<void> => {
    const value = Buffer.alloc(valueBytes, number);
    for (let serial = 0; performance.now() < endMs; serial += 1) {
      const beganMs = performance.now();
      await client.put(`load/${number}/${serial % keysPerClient}`, value);
      const nowMs = performance.now();
      if (beganMs >= countsFromMs) latenciesMs.push(nowMs - beganMs);
      stage.terminal.progress(nowMs - startMs, endMs - startMs, () => counted(count, 'client'));
    }
  };
  const working = Promise.all(clients.map(work));
  // It is awaited below.
  working.catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, warmUpMs));
  const syncsBefore = await syncsOf();
  await working;
  const syncs = (await syncsOf()) - syncsBefore;
  await Promise.all(clients.map((client) => client.close()));
  return { clients: count, latenciesMs, seconds, syncs };
}

function show(terminal: Terminal, { clients, latenciesMs, seconds, syncs }: Phase): void {
  terminal.line();
  terminal.note(counted(clients, 'client'));
  terminal.table([
    ['writes', `${count(Math.round(latenciesMs.length / seconds))}/s`, 'acknowledged'],
    ['p50', duration(percentile(latenciesMs, 0.5)), 'latency of a write, as the client sees it'],
    ['p99', duration(percentile(latenciesMs, 0.99)), ''],
    ['syncs', (syncs / latenciesMs.length).toFixed(2), 'syncs per write on the leader'],
  ]);
}
