/**
 * A node on a log with etcd's metadata, which cannot store an identity: the identity record beside
 * the log is bound to a committed entry instead.
 */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import {
  bootstrapRaftCluster,
  defaultBabuzaConfig,
  type Raft,
  type RaftComponent,
} from '@babuza/raft';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BabuzaComponentBuilder } from '../src/index.ts';
import { ListMachine } from './operators/list-machine.ts';
import { openNetwork } from './real-network.ts';

const network = await openNetwork('memory');
const id = 1n;
const address = network.address(id);
let root = '';

beforeEach(async () => {
  root = await mkdtemp(`${tmpdir()}/babuza-etcd-metadata-`);
});

afterEach(() => rm(root, { recursive: true }));

async function start(directory: string): Promise<Raft<undefined, readonly string[]>> {
  const component: RaftComponent = await new BabuzaComponentBuilder({
    clusterId: 1,
    nodeId: id,
    storageRootDir: directory,
    walType: 'etcd-wal',
    walOptions: { metadata: 'etcd' },
    transportType: network.transportType,
    transportOptions: network.optionsOf(address),
  }).build();
  const peers = [{ id, address }];
  const config = defaultBabuzaConfig(1, id, address);
  const raft = await bootstrapRaftCluster(config, peers, new ListMachine(), component);
  await raft.waitForLeader();
  return raft;
}

it('keeps its identity, and a record beside an older log is refused', async () => {
  const first = await start(`${root}/a`);
  await first.propose(Buffer.from('one'));
  const { identity } = first.clusterInfo();
  await first.shutdown();
  await cp(`${root}/a`, `${root}/b`, { recursive: true });
  const second = await start(`${root}/a`);
  expect(second.clusterInfo().identity).toEqual(identity);
  for (let at = 0; at < 10; at += 1) await second.propose(Buffer.from(`more ${at}`));
  await second.shutdown();
  const third = await start(`${root}/a`);
  expect(await third.read(undefined)).toHaveLength(11);
  await third.shutdown();
  await cp(`${root}/a/wal/IDENTITY`, `${root}/b/wal/IDENTITY`);
  await expect(start(`${root}/b`)).rejects.toMatchObject({ code: 'RAFT_LOG_OLDER' });
});
