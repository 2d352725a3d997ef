/**
 * A cluster with mutual TLS that a hostile swarm attacks while clients write. The same swarm is
 * also aimed at a dummy on the same machine, in turns, so that what the swarm itself costs is in
 * both measurements.
 */
import { join } from 'node:path';
import { clusterId } from '../../cluster/cluster-id.ts';
import { counted, duration } from '../../common/figures.ts';
import type { Terminal } from '../../common/terminal.ts';
import type { Workplace } from '../../common/workplace.ts';
import { Overwriters } from '../chaos/overwriters.ts';
import type { ClusterSettings } from '../settings.ts';
import { Stage } from '../stage.ts';
import { conclude } from '../verdict.ts';
import { verifyEverywhere } from '../verifying.ts';
import { makeSwarmCertificates } from './certificates.ts';
import { LoadBySlice } from './load-figures.ts';
import { openDummy, SwarmHandle } from './processes.ts';
import { judgePromises, showFigures } from './promises.ts';
import { ResidentMemory } from './resident.ts';
import { restartFollower } from './restart.ts';
import { SwarmRun } from './swarm-run.ts';

export interface SwarmStorySettings extends Omit<ClusterSettings, 'nodes'> {
  readonly clients: number;
  /** Of the attack on the members. That on the dummy takes as long again. */
  readonly seconds: number;
  readonly sources: number;
  readonly seed: number;
}

const nodes = 3;
const warmUpMs = 3000;

/** Tells the story; returns what did not hold, in sentences. */
export async function tellSwarmStory(
  terminal: Terminal,
  workplace: Workplace,
  settings: SwarmStorySettings,
): Promise<readonly string[]> {
  const { clients, seconds, sources, seed, walTypes } = settings;
  const startMs = performance.now();
  terminal.line(terminal.style('bold', 'Babuza: a cluster that a hostile swarm attacks'));
  terminal.step(
    `Start ${counted(nodes, 'node')} with mutual TLS, and ${counted(clients, 'client')}`,
  );
  const { tlsOf, loot } = await makeSwarmCertificates(join(workplace.storageRoot, 'certificates'), [
    1n,
    2n,
    3n,
  ]);
  const stage = await Stage.open(terminal, workplace, {
    nodes,
    walTypes,
    tlsOf,
    withProxies: false,
    snapshotEntries: 20_000,
    compactionMargin: 5000,
  });
  await stage.leader();
  const load = new LoadBySlice();
  const writers = new Overwriters((elapsedMs) => load.add(elapsedMs));
  writers.start(Array.from({ length: clients }, () => stage.client()));
  const { learner, removed } = await addHostileMembers(stage);
  const closesFirst = (close: () => Promise<unknown>): void => workplace.closesFirst(close);
  const swarm = await SwarmHandle.open(
    {
      seed,
      sources,
      clusterId: String(clusterId),
      loot,
      addresses: { impersonated: stage.cluster.node(3n).address, learner, removed },
    },
    closesFirst,
  );
  const dummy = await openDummy(nodes, closesFirst);
  const memory = new ResidentMemory(stage);
  await new Promise((resolve) => setTimeout(resolve, warmUpMs));
  memory.start();

  terminal.step(
    `Attack a dummy and the members in turns, ${counted(seconds, 'second')} each, from ${counted(sources, 'address', 'addresses')} (--seed ${seed})`,
  );
  const run = new SwarmRun({ stage, swarm, dummy, load, memory, seconds });
  const result = await run.run();
  await memory.stop();

  terminal.step('Restart a member while the swarm attacks');
  let restartedMs = 0;
  const termChanges = await run.during(async () => {
    restartedMs = await restartFollower(stage);
  });
  stage.timeline.good(`it had caught up ${duration(restartedMs)} after its start`);
  result.termChanges.members += termChanges;

  terminal.step('Leave it alone, and look for everything that was acknowledged');
  await writers.stop();
  const { acknowledged, unanswered } = writers;
  stage.timeline.note(
    `${counted(acknowledged, 'write')} acknowledged, ${unanswered} without an answer`,
  );
  await verifyEverywhere(stage, writers);

  terminal.step('Figures of this run');
  showFigures(terminal, result, load, memory);
  terminal.step('Judge what was promised');
  judgePromises(stage, result, load, memory);
  conclude(stage, workplace, duration(performance.now() - startMs));
  return stage.failures;
}

/** A learner that is a member and turns hostile, and a member that is removed again. */
async function addHostileMembers(
  stage: Stage,
): Promise<{ readonly learner: string; readonly removed: string }> {
  const { cluster, admin } = stage;
  const learner = await cluster.prepare();
  const removed = await cluster.prepare();
  // Another change may be under way: the members publish their APIs.
  for (const { id, address } of [learner, removed]) {
    await stage.eventually(`learner ${id}`, () =>
      admin.cluster.addMember({ id, address, role: 'learner' }),
    );
  }
  await stage.eventually(`a cluster without node ${removed.id}`, () =>
    admin.cluster.removeMember(removed.id),
  );
  await cluster.remove(removed.id);
  return { learner: learner.address, removed: removed.address };
}
