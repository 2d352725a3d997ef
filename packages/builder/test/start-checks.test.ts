/** A start with components that do not fit together is refused, with every transport and log. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  bootstrapRaftCluster,
  defaultBabuzaConfig,
  joinRaftCluster,
  type BabuzaConfig,
  type Raft,
} from '@babuza/raft';
import { MemoryNetwork } from '@babuza/transport-memory';
import { nodeEnvironment } from '@babuza/vfs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  BabuzaComponentBuilder,
  BabuzaWal,
  ETCDWal,
  HttpTransportType,
  LevelWalDisk,
  MemoryTransportType,
} from '../src/index.ts';
import { keyValueMachine } from './cluster/key-value-machine.ts';
import { AppliedLedger } from './cluster/ledger.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'babuza-start-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const address = 'localhost:1';
const network = new MemoryNetwork(nodeEnvironment());
const optionsOf: Readonly<Record<string, (advertised: string) => object>> = {
  [MemoryTransportType]: (advertised) => ({ network, address: advertised }),
  [HttpTransportType]: (advertised) => ({ address: advertised, listen: { port: 0 } }),
};

/**
 * Starts node 1 as a cluster of one; the address of its transport may differ from its
 * configuration.
 */
async function start(
  transportType: string,
  {
    advertised = address,
    walType = BabuzaWal,
    how = 'bootstrap',
    ...changes
  }: Partial<BabuzaConfig> & {
    advertised?: string;
    walType?: string;
    how?: 'bootstrap' | 'join';
  },
): Promise<Raft<string, string | undefined>> {
  const component = await new BabuzaComponentBuilder({
    clusterId: 1,
    nodeId: 1,
    storageRootDir: directory,
    walType,
    transportType,
    transportOptions: optionsOf[transportType]?.(advertised) ?? {},
  }).build();
  const disk = { appliedIndex: 0, digest: 0, content: '[]' };
  const nothing = async (): Promise<void> => undefined;
  const machine = keyValueMachine('memory', new AppliedLedger(), disk, () => false, nothing);
  const config = { ...defaultBabuzaConfig(1, 1, address), ...changes };
  return how === 'join'
    ? joinRaftCluster(config, machine, component)
    : bootstrapRaftCluster(config, [{ id: 1n, address }], machine, component);
}

describe.each([MemoryTransportType, HttpTransportType])('the transport %s', (transportType) => {
  it('with another address than the configuration is refused, and everything is given back', async () => {
    for (const how of ['bootstrap', 'join'] as const) {
      for (const advertised of ['127.0.0.1:1', 'localhost:2', 'LOCALHOST:1']) {
        const starting = start(transportType, { advertised, how });
        await expect(starting).rejects.toMatchObject({
          code: 'RAFT_CONFIG',
          message: expect.stringContaining(`'${advertised}' in its transport`),
        });
      }
    }
    await using raft = await start(transportType, {});
    await raft.waitForLeader();
  });
});

describe.each([BabuzaWal, ETCDWal, LevelWalDisk])('the log %s', (walType) => {
  it('is opened only with the entryBytesMax that it was created with', async () => {
    const first = await start(MemoryTransportType, { walType, entryBytesMax: 4096 });
    await first.waitForLeader();
    await first.shutdown();
    for (const entryBytesMax of [4095, 4097, 8 * 1024 * 1024]) {
      await expect(start(MemoryTransportType, { walType, entryBytesMax })).rejects.toMatchObject({
        code: 'RAFT_CONFIG',
        message: expect.stringContaining(
          `${entryBytesMax} in the configuration and 4096 in the log`,
        ),
      });
    }
    await using again = await start(MemoryTransportType, { walType, entryBytesMax: 4096 });
    await again.waitForLeader();
  });
});
