import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { simulatedEnvironment } from '@babuza/testkit';
import { describeConformance } from '@babuza/wal-core/conformance';
import { capabilities } from '../src/capabilities.ts';
import { EtcdWalManager, type EtcdWalOptions } from '../src/index.ts';

function onRealDisk(name: string, options: EtcdWalOptions): void {
  describeConformance(
    { describe, it, expect },
    {
      name: `wal-etcd, ${name}`,
      capabilities,
      cacheLimits: options.cache,
      shapeStride: 7,
      create: async () => {
        const directory = await mkdtemp(`${tmpdir()}/babuza-etcd-`);
        return {
          open: async () => new EtcdWalManager(directory, options),
          destroy: () => rm(directory, { recursive: true }),
        };
      },
    },
  );
}

function onSimulatedDisk(name: string, options: EtcdWalOptions): void {
  describeConformance(
    { describe, it, expect },
    {
      name: `wal-etcd, ${name}`,
      capabilities,
      cacheLimits: options.cache,
      create: async () => {
        const environment = simulatedEnvironment(1);
        return {
          open: async () => new EtcdWalManager('/log', { ...options, environment }),
          destroy: async () => undefined,
        };
      },
    },
  );
}

onRealDisk('1 MiB segments', { segmentBytes: 1024 * 1024 });
onSimulatedDisk('tiny segments that are cut every few entries', { segmentBytes: 16 * 1024 });
onSimulatedDisk('inline, tiny cache', {
  segmentBytes: 64 * 1024,
  inline: true,
  cache: { entriesMax: 4, bytesMax: 256 },
});
