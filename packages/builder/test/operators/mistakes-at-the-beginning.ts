/** Mistakes at the start of a cluster: its first members get different options. */
import type { Raft } from '@babuza/raft';
import type { Cluster, Seat } from './cluster.ts';
import { noFiles } from './directories.ts';
import type { Operators } from './operators.ts';
import { peersOf } from './site.ts';
import type { WorldOptions } from './world.ts';

const kinds = ['other peers', 'other token', 'other backup', 'no backup'] as const;

/** Starts the first members, one of them with something else; then that one begins again. */
export async function beginWrongly(operators: Operators): Promise<void> {
  const { cluster, random, world } = operators;
  const kind = random.pick(kinds);
  const wrong = cluster.seats[random.below(cluster.seats.length)];
  if (wrong === undefined) return;
  if (kind === 'other backup' || kind === 'no backup') cluster.backup = await backup(operators, 3);
  const other = kind === 'other backup' ? await backup(operators, 1) : undefined;
  const sinceMs = world.clock.monotonicMs();
  wrong.isBusy = true;
  for (const seat of cluster.seats) {
    if (seat !== wrong) await cluster.start(seat);
    else await startWrongly(cluster, wrong, kind, other);
    await world.sleep(random.below(500));
  }
  await operators.noticed(`begun with ${kind}`, wrong.id, sinceMs, () => {
    return cluster.leader() !== undefined;
  });
  await cluster.stop(wrong);
  wrong.isIntact = true;
  operators.putFiles(wrong, noFiles);
  await cluster.start(wrong);
  wrong.isBusy = false;
}

async function startWrongly(
  cluster: Cluster,
  seat: Seat,
  kind: (typeof kinds)[number],
  other: Uint8Array | undefined,
): Promise<void> {
  seat.isIntact = false;
  // One of the others is left out.
  const left = cluster.founders.find((id) => id !== seat.id);
  const listed = cluster.founders.filter((id) => id !== left);
  const given: Record<typeof kind, WorldOptions> = {
    'other peers': { peers: peersOf(...listed) },
    'other token': { options: { clusterToken: 'another' } },
    'other backup': { options: other === undefined ? {} : { snapshot: streamOf(other) } },
    'no backup': { options: {} },
  };
  await cluster.tryStart(seat, { options: {}, ...given[kind] });
}

/** An export of a cluster that is not there any more. */
async function backup(operators: Operators, entries: number): Promise<Uint8Array> {
  const { cluster, world } = operators;
  const disk = `exported ${entries}`;
  const network = world.newNetwork();
  const started = await cluster.tryProcess(1n, { disk, network, peers: peersOf(1n) });
  if (!('process' in started)) return new Uint8Array(0);
  const { raft } = started.process;
  await raft.waitForLeader();
  for (let at = 0; at < entries; at += 1) {
    await raft.propose(Buffer.from(`exported ${entries}, ${at}`));
  }
  const bytes = await exported(raft);
  await world.stop(started.process);
  return bytes;
}

async function exported(raft: Raft<undefined, number>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of raft.exportSnapshot()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* streamOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
