/**
 * The cluster story: clients write real files while the leader is killed and comes back, a member
 * joins by snapshot, and another leaves. Then every acknowledged write is looked up on every node,
 * and the history of the clients is checked.
 */
import { readdir } from 'node:fs/promises';
import { counted, byteSize, duration } from '../common/figures.ts';
import { findDocuments, NoDocumentsError, piecesOf } from '../common/documents.ts';
import type { Terminal } from '../common/terminal.ts';
import type { Workplace } from '../common/workplace.ts';
import { Acknowledged } from './acknowledged.ts';
import { percentile } from './figures.ts';
import { Load } from './load.ts';
import { Registers } from './registers.ts';
import { serve } from './serve.ts';
import type { ClusterStorySettings } from './settings.ts';
import { Stage } from './stage.ts';
import {
  killLeader,
  removeFollower,
  newcomerBySnapshot,
  restartKilled,
  type Failover,
} from './scenes.ts';
import { conclude, checkHistory, checkAppliedOnce } from './verdict.ts';
import { printClusterFigures } from './story-figures.ts';
import { verifyEverywhere } from './verifying.ts';

/** This is small enough that snapshots are taken during the run. */
const snapshotEntries = 4000;
const compactionMargin = 500;
const registerClients = 3;

/** Runs the story. Returns a sentence for each check that failed. */
export async function tellClusterStory(
  terminal: Terminal,
  workplace: Workplace,
  settings: ClusterStorySettings,
): Promise<readonly string[]> {
  const startMs = performance.now();
  terminal.line(
    terminal.style(
      'bold',
      'Babuza: a cluster under load loses its leader and changes its members, but loses no write',
    ),
  );
  const { root, documents, bytes } = await findDocuments(
    settings.inputFolder,
    settings.wanted,
    settings,
  );
  if (documents.length === 0) {
    throw new NoDocumentsError(
      `there are no documents in ${settings.inputFolder}; choose another --input`,
    );
  }
  const pieces = piecesOf(documents);
  const { storageRoot } = workplace;
  if ((await readdir(storageRoot)).length > 0) {
    throw new Error(`${storageRoot} is not empty; this story needs an empty --dir`);
  }
  terminal.step(
    `Start ${counted(settings.nodes, 'node')}, each with its own process, port and directory`,
  );
  const stage = await Stage.open(terminal, workplace, {
    nodes: settings.nodes,
    walTypes: settings.walTypes,
    withProxies: settings.serves,
    snapshotEntries,
    compactionMargin,
  });
  const acknowledged = new Acknowledged();
  const load = new Load(root, pieces, acknowledged);
  await introduce(stage);
  terminal.note(
    `to write: ${counted(pieces.length, 'value')}, ${byteSize(bytes)}: ${settings.inputName}`,
  );
  const { registers, failover } = await play(stage, load, settings);
  terminal.step('Look up every acknowledged write on every node');
  await verifyEverywhere(stage, acknowledged);
  checkAppliedOnce(stage, load.appliedTwice);
  checkHistory(stage, registers, registerClients);
  await printClusterFigures(stage, load, acknowledged, failover);
  conclude(stage, workplace, duration(performance.now() - startMs));
  if (settings.serves) await serve(stage, process.stdin);
  return stage.failures;
}

/** Prints the role, process and addresses of each node. */
async function introduce(stage: Stage): Promise<void> {
  const leader = await stage.leader();
  for (const { id, apiUrl, handle, address } of stage.cluster.nodes) {
    const role = id === leader.id ? 'leads' : 'follows';
    stage.terminal.note(
      `node ${id} ${role}: process ${handle.processId}, Raft ${address}, API ${apiUrl}`,
    );
  }
}

interface Played {
  readonly registers: Registers;
  readonly failover: Failover;
}

async function play(stage: Stage, load: Load, settings: ClusterStorySettings): Promise<Played> {
  const { terminal } = stage;
  terminal.step(
    `Write through ${counted(settings.clients, 'client')}, with faults and member changes`,
  );
  const registers = new Registers();
  registers.start(
    Array.from({ length: registerClients }, () => stage.client()),
    () => stage.cluster.running.map(({ apiUrl }) => apiUrl),
  );
  const clients = Array.from({ length: settings.clients }, () => stage.client());
  const showing = setInterval(() => {
    terminal.progress(load.done, load.total, () => progressOf(load));
  }, 100);
  try {
    const [, failover] = await Promise.all([load.run(clients), disturb(stage, load)]);
    await registers.stop();
    terminal.clearProgress();
    stage.timeline.good(`all ${counted(load.total, 'value')} acknowledged`);
    return { registers, failover };
  } finally {
    clearInterval(showing);
    terminal.clearProgress();
    await registers.stop();
  }
}

function progressOf(load: Load): string {
  const recent = load.latenciesMs.slice(-500);
  return `${counted(load.done, 'write')}, recent p99 ${duration(percentile(recent, 0.99))}`;
}

/** Starts each scene when the load has reached the given share of its writes. */
async function disturb(stage: Stage, load: Load): Promise<Failover> {
  await load.reached(0.2);
  const failover = await killLeader(stage);
  await load.reached(0.4);
  await restartKilled(stage, failover.killed);
  await load.reached(0.55);
  await newcomerBySnapshot(stage);
  await load.reached(0.75);
  await removeFollower(stage);
  return failover;
}
