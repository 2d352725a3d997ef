/** Prints metrics of a node in the format of Prometheus. */
import { bootstrapRaftCluster } from '@babuza/raft';
import { KeyValues, put } from './key-values.js';
import { addressOf, componentOf, configOf, directory, leaderOf } from './node.js';

const component = await componentOf(1n, directory, { metricType: 'prometheus' });
const peers = [{ id: 1n, address: addressOf(1n) }];
const node = await bootstrapRaftCluster(configOf(1n), peers, new KeyValues(), component);
await leaderOf([node]);
for (let n = 0; n < 10; n += 1) await node.propose(put('n', String(n)));
await node.read('n');

const text = await component.metrics.text();
const shown = ['raft_is_leader', 'raft_proposals_committed_total', 'raft_reads_answered_total'];
for (const name of shown) {
  console.log(text.split('\n').find((line) => line.startsWith(`babuza_${name}{`)));
}
await node.shutdown();
