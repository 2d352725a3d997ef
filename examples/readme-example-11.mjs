import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BabuzaComponentBuilder } from '@babuza/builder';
import { bootstrapRaftCluster, defaultBabuzaConfig } from '@babuza/raft';

/** Notes, in the order in which they were made. */
const notes = () => {
  const texts = [];
  return {
    kind: 'memory',
    apply: (entries) => entries.map(({ data }) => Uint8Array.of(texts.push(String(data)))),
    query: () => texts.length,
    saveSnapshot: async (writer) => writer.write(Buffer.from(JSON.stringify(texts))),
    restoreSnapshot: async (reader) => {
      const chunks = [];
      for await (const chunk of reader.read()) chunks.push(chunk);
      texts.splice(0, Infinity, ...JSON.parse(Buffer.concat(chunks).toString()));
    },
    close: () => undefined,
  };
};

const directory = await mkdtemp(join(tmpdir(), 'babuza-http-'));
const peers = [1, 2, 3].map((id) => ({ id: BigInt(id), address: `127.0.0.1:${24_310 + id}` }));
const start = async ({ id, address }) => {
  const component = await new BabuzaComponentBuilder({
    clusterId: 1,
    nodeId: id,
    storageRootDir: join(directory, `node-${id}`),
    walType: 'babuza-wal',
    transportType: 'http',
    transportOptions: { address },
  }).build();
  return bootstrapRaftCluster(defaultBabuzaConfig(1, id, address), peers, notes(), component);
};
const nodes = await Promise.all(peers.map(start));
const { id } = await nodes[0].waitForLeader();
const leader = nodes.find((node) => node.status().nodeId === id);
await leader.propose(Buffer.from('a note'));
console.log(await leader.read()); // 1
await Promise.all(nodes.map((node) => node.shutdown()));
await rm(directory, { recursive: true });
