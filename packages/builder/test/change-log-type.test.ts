/**
 * The procedure that the error for a log of another type names: a node with another `walType` does
 * not start on the directory, and a new cluster of that type begins from an exported snapshot.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  bootstrapRaftCluster,
  defaultBabuzaConfig,
  type Raft,
  type StateMachine,
} from '@babuza/raft';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BabuzaComponentBuilder, BabuzaWal, ETCDWal, LevelWalDisk } from '../src/index.ts';
import { openNetwork } from './real-network.ts';

const network = await openNetwork('memory');
const id = 1n;
const address = network.address(id);
const peers = [{ id, address }];
const values = ['one', 'two', 'three'];
let root = '';

beforeEach(async () => {
  root = await mkdtemp(`${tmpdir()}/babuza-change-type-`);
});

afterEach(() => rm(root, { recursive: true }));

/** A state machine that keeps the texts that were applied. */
function textMachine(): StateMachine<undefined, string[]> {
  let texts: string[] = [];
  return {
    kind: 'memory',
    apply: (entries) =>
      entries.map(({ data }) => Uint8Array.of(texts.push(Buffer.from(data).toString()))),
    query: () => [...texts],
    saveSnapshot: (writer) => writer.write(Buffer.from(JSON.stringify(texts))),
    restoreSnapshot: async (reader) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of reader.read()) chunks.push(Uint8Array.from(chunk));
      texts = JSON.parse(Buffer.concat(chunks).toString());
    },
    close: () => undefined,
  };
}

async function start(
  walType: string,
  folder: string,
  clusterId: number,
  snapshot?: AsyncIterable<Uint8Array>,
): Promise<Raft<undefined, string[]>> {
  const component = await new BabuzaComponentBuilder({
    clusterId,
    nodeId: id,
    storageRootDir: join(root, folder),
    walType,
    walOptions: walType === LevelWalDisk ? {} : { segmentBytes: 1024 * 1024 },
    transportType: network.transportType,
    transportOptions: network.optionsOf(address),
  }).build();
  try {
    const config = { ...defaultBabuzaConfig(clusterId, id, address), tickMs: 10 };
    const raft = await bootstrapRaftCluster(config, peers, textMachine(), component, { snapshot });
    network.started(address, component.transport);
    await raft.waitForLeader();
    return raft;
  } catch (error) {
    await component.close().catch(() => undefined);
    throw error;
  }
}

async function* streamOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

const types = [BabuzaWal, ETCDWal, LevelWalDisk];
const pairs = types.flatMap((was) =>
  types.filter((type) => type !== was).map((type) => [was, type]),
);

it.each(pairs)('%s becomes %s by an exported snapshot only', async (was = '', becomes = '') => {
  const old = await start(was, 'old', 1);
  for (const value of values) await old.propose(Buffer.from(value));
  await old.shutdown();

  await expect(start(becomes, 'old', 1)).rejects.toMatchObject({ code: 'WAL_FOREIGN' });

  const again = await start(was, 'old', 1);
  expect(await again.read(undefined)).toEqual(values);
  const chunks: Uint8Array[] = [];
  for await (const chunk of again.exportSnapshot()) chunks.push(chunk.slice());
  await again.shutdown();

  const fresh = await start(becomes, 'new', 2, streamOf(Buffer.concat(chunks)));
  expect(await fresh.read(undefined)).toEqual(values);
  await fresh.propose(Buffer.from('four'));
  await fresh.shutdown();
  const restarted = await start(becomes, 'new', 2);
  expect(await restarted.read(undefined)).toEqual([...values, 'four']);
  await restarted.shutdown();
});
