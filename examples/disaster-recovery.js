/**
 * Recovers from the loss of all members but one: the survivor continues as the only member. Then a
 * backup becomes a new cluster.
 */
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { bootstrapRaftCluster, recoverAsStandalone } from '@babuza/raft';
import { KeyValues, put } from './key-values.js';
import { addressOf, componentOf, configOf, directory, leaderOf } from './node.js';

const peers = [1n, 2n, 3n].map((id) => ({ id, address: addressOf(id) }));
const nodes = await Promise.all(
  peers.map(async ({ id }) =>
    bootstrapRaftCluster(configOf(id), peers, new KeyValues(), await componentOf(id, directory)),
  ),
);
const leader = await leaderOf(nodes);
await leader.propose(put('account', '100'));

const backup = `${directory}/backup`;
await writeFile(backup, leader.exportSnapshot());
console.log('a backup was written');

await leader.propose(put('account', '250'));
await Promise.all(nodes.map((node) => node.waitForApplied(leader.status().appliedIndex)));
await Promise.all(nodes.map((node) => node.shutdown()));

// Nodes 1 and 2 are lost with their disks. Node 3 keeps all of its log, and becomes the only
// member.
const survivor = await recoverAsStandalone(
  configOf(3n),
  new KeyValues(),
  await componentOf(3n, directory),
);
await leaderOf([survivor]);
console.log(`the survivor alone: account = ${await survivor.read('account')}`);
await survivor.shutdown();

// If only the backup is left, a new cluster with an id of its own begins with it.
const [id, clusterId] = [7n, 2];
const component = await componentOf(id, directory, { clusterId });
const restored = await bootstrapRaftCluster(
  configOf(id, clusterId),
  [{ id, address: addressOf(id) }],
  new KeyValues(),
  component,
  { snapshot: createReadStream(backup) },
);
await leaderOf([restored]);
console.log(`the new cluster: account = ${await restored.read('account')}`);
await restored.shutdown();
