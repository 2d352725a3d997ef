/**
 * The swarm story: a hostile swarm attacks a cluster with mutual TLS while clients write. In turns,
 * the same swarm attacks a dummy target on the same machine, so that both measurements include the
 * cost of the swarm itself.
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
import { checkPromises, showFigures } from './promises.ts';
import { ResidentMemory } from './resident.ts';
import { restartFollower } from './restart.ts';
import { SwarmRun } from './swarm-run.ts';

export interface SwarmStorySettings extends Omit<ClusterSettings, 'nodes'> {
  readonly clients: number;
  /** The duration of the attack on the members. The attack on the dummy takes the same time. */
  readonly seconds: number;
  readonly sources: number;
  readonly seed: number;
}

const nodes = 3;
const warmUpMs = 3000;

/** Runs the story. Returns a sentence for each check that failed. */
export async function tellSwarmStory(
  terminal: Terminal,
  workplace: Workplace,
  settings: SwarmStorySettings,
): Promise<readonly string[]> {
  const { clients, seconds, sources, seed, walTypes } = settings;
  const startMs = performance.now();
  terminal.line(terminal.style('bold', 'Babuza: a hostile swarm attacks a cluster'));
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
  stage.timeline.good(`the member caught up ${duration(restartedMs)} after its start`);
  result.termChanges.members += termChanges;

  terminal.step('End the attack, and look up every acknowledged write');
  await writers.stop();
  const { acknowledged, unanswered } = writers;
  stage.timeline.note(
    `${counted(acknowledged, 'write')} acknowledged, ${unanswered} without an answer`,
  );
  await verifyEverywhere(stage, writers);

  terminal.step('Figures of this run');
  showFigures(terminal, result, load, memory);
  terminal.step('Check the promises');
  checkPromises(stage, result, load, memory);
  conclude(stage, workplace, duration(performance.now() - startMs));
  return stage.failures;
}

/** Adds a learner, which the swarm will play, and adds and removes another member. */
async function addHostileMembers(
  stage: Stage,
): Promise<{ readonly learner: string; readonly removed: string }> {
  const { cluster, admin } = stage;
  const learner = await cluster.prepare();
  const removed = await cluster.prepare();
  // The leader refuses a change while another is pending: the members are announcing their APIs.
  for (const { id, address } of [learner, removed]) {
    await stage.eventually(`learner ${id}`, () =>
      admin.cluster.addMember({ id, address, role: 'learner' }),
    );
  }
  await stage.eventually(`the removal of node ${removed.id}`, () =>
    admin.cluster.removeMember(removed.id),
  );
  await cluster.remove(removed.id);
  return { learner: learner.address, removed: removed.address };
}
