/**
 * Grows and shrinks a cluster: a learner catches up and is promoted, leadership is transferred, and
 * a member is removed.
 */
import { bootstrapRaftCluster, joinRaftCluster } from '@babuza/raft';
import { KeyValues, put } from './key-values.js';
import { addressOf, componentOf, configOf, directory, leaderOf } from './node.js';

const peers = [1n, 2n].map((id) => ({ id, address: addressOf(id) }));
const nodes = await Promise.all(
  peers.map(async ({ id }) =>
    bootstrapRaftCluster(configOf(id), peers, new KeyValues(), await componentOf(id, directory)),
  ),
);
const leader = await leaderOf(nodes);
for (let n = 0; n < 100; n += 1) await leader.propose(put(`key-${n}`, `value-${n}`));

const members = () =>
  leader
    .clusterInfo()
    .members.map(({ id, role }) => `${id} ${role}`)
    .join(', ');

// Add the learner first, then start its node, which gets everything from the leader.
await leader.addLearner({ id: 3n, address: addressOf(3n) });
const joiner = await joinRaftCluster(
  configOf(3n),
  new KeyValues(),
  await componentOf(3n, directory),
);
await joiner.waitForApplied(leader.status().appliedIndex);
console.log(`members: ${members()}; the learner has ${joiner.stateMachine.query('key-99')}`);

// This call waits until the leader knows that the learner has caught up, and gives it a vote. It
// would also have added the learner.
await leader.addVotingPeer({ id: 3n, address: addressOf(3n) });
console.log(`members: ${members()}`);

await leader.transferLeader(3n);
console.log(`node ${joiner.leader().id} leads`);

const gone = nodes.find((node) => node !== leader);
await joiner.removePeer(gone.nodeId);
await gone.shutdown();
console.log(`members left: ${joiner.clusterInfo().members.length}, removed for good: 1`);

await joiner
  .addVotingPeer({ id: gone.nodeId, address: 'elsewhere.example:7000' })
  .catch((error) => {
    console.log(`${error.code}: its id never returns`);
  });
await Promise.all([leader, joiner].map((node) => node.shutdown()));
