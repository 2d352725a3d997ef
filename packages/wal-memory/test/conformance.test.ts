import { describe, expect, it } from 'vitest';
import type { CacheLimits } from '@babuza/wal-core';
import { describeConformance } from '@babuza/wal-core/conformance';
import { capabilities, MemoryStore, walBackend } from '../src/index.ts';

function conformance(name: string, cache?: CacheLimits): void {
  describeConformance(
    { describe, it, expect },
    {
      name: `wal-memory, ${name}`,
      capabilities,
      cacheLimits: cache,
      create() {
        const store = new MemoryStore();
        return { open: () => walBackend.open('/memory', { store, cache }), destroy() {} };
      },
    },
  );
}

conformance('default cache');
conformance('tiny cache', { entriesMax: 4, bytesMax: 256 });
conformance('no cache', { entriesMax: 0, bytesMax: 0 });
