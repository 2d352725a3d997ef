/** Runs three nodes: they write and read, lose the leader, continue, and the lost node returns. */
import { bootstrapRaftCluster } from '@babuza/raft';
import { KeyValues, put } from './key-values.js';
import { addressOf, componentOf, configOf, directory, leaderOf } from './node.js';

const peers = [1n, 2n, 3n].map((id) => ({ id, address: addressOf(id) }));

/** Starts a node. The first start and every later one use the same call. */
const start = async (id) =>
  bootstrapRaftCluster(configOf(id), peers, new KeyValues(), await componentOf(id, directory));

const nodes = await Promise.all(peers.map(({ id }) => start(id)));
const leader = await leaderOf(nodes);
console.log('a leader was elected');

await leader.propose(put('colour', 'blue'));
console.log('colour = blue is durable on a quorum and applied');

const follower = nodes.find((node) => node !== leader);
console.log(`a follower reads ${await follower.read('colour')}`);

await leader.shutdown();
const rest = nodes.filter((node) => node !== leader);
const next = await leaderOf(rest);
console.log('the leader is gone, another one leads');

const { result } = await next.propose(put('colour', 'green'));
console.log(`colour was ${new TextDecoder().decode(result)}, and is ${await next.read('colour')}`);

const returned = await start(leader.nodeId);
console.log(`the one that was gone is back and reads ${await returned.read('colour')}`);
await Promise.all([...rest, returned].map((node) => node.shutdown()));
