import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { describeConformance } from '@babuza/wal-core/conformance';
import { capabilities, walBackend, type DiskWalOptions } from '../src/index.ts';

function conformance(name: string, options: DiskWalOptions): void {
  describeConformance(
    { describe, it, expect },
    {
      name: `wal-level-disk, ${name}`,
      capabilities,
      cacheLimits: options.cache,
      shapeStride: 7,
      create: async () => {
        const directory = await mkdtemp(`${tmpdir()}/babuza-level-`);
        return {
          open: () => walBackend.open(directory, options),
          destroy: () => rm(directory, { recursive: true }),
        };
      },
    },
  );
}

conformance('default options', {});
conformance('tiny write buffers, no cache, every purge compacts, everything verified on open', {
  writeBufferBytes: 64 * 1024,
  blockBytes: 1024,
  blockCacheBytes: 0,
  tableBytes: 1024 * 1024,
  cache: { entriesMax: 0, bytesMax: 0 },
  compactPurgedBytes: 0,
  verifyOnOpen: true,
});
