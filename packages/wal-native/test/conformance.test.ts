import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { simulatedEnvironment } from '@babuza/testkit';
import { describeConformance } from '@babuza/wal-core/conformance';
import { NativeWalManager, type NativeWalOptions } from '../src/index.ts';
import { capabilities } from '../src/capabilities.ts';

function onRealDisk(name: string, options: NativeWalOptions): void {
  describeConformance(
    { describe, it, expect },
    {
      name: `wal-native, ${name}`,
      capabilities,
      cacheLimits: options.cache,
      shapeStride: 7,
      create: async () => {
        const directory = await mkdtemp(`${tmpdir()}/babuza-native-`);
        return {
          open: async () => new NativeWalManager(directory, options),
          destroy: () => rm(directory, { recursive: true }),
        };
      },
    },
  );
}

function onSimulatedDisk(name: string, options: NativeWalOptions): void {
  describeConformance(
    { describe, it, expect },
    {
      name: `wal-native, ${name}`,
      capabilities,
      cacheLimits: options.cache,
      create: async () => {
        const environment = simulatedEnvironment(1);
        return {
          open: async () => new NativeWalManager('/log', { ...options, environment }),
          destroy: async () => undefined,
        };
      },
    },
  );
}

onRealDisk('1 MiB segments', { segmentBytes: 1024 * 1024 });
onSimulatedDisk('tiny segments that rotate every few entries', { segmentBytes: 16 * 1024 });
onSimulatedDisk('inline, tiny cache', {
  segmentBytes: 32 * 1024,
  inline: true,
  cache: { entriesMax: 4, bytesMax: 256 },
});
