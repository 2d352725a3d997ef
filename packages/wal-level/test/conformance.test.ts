import { describe, expect, it } from 'vitest';
import type { LevelWalOptions } from '../src/index.ts';
import { describeConformance } from '@babuza/wal-core/conformance';
import { capabilities, HostileStore } from './hostile-store.ts';

function conformance(name: string, options: LevelWalOptions): void {
  describeConformance(
    { describe, it, expect },
    {
      name: `wal-level, ${name}`,
      capabilities,
      cacheLimits: options.cache,
      failsOnDemand: true,
      create() {
        const store = new HostileStore();
        return {
          open: async () => store.manager(options),
          failNextWrite(kind) {
            store.hostility.nextFailure = kind === 'broken' ? 'broken-before' : kind;
          },
          destroy: () => store.database.close(),
        };
      },
    },
  );
}

conformance('default options', {});
conformance('no cache, everything verified on open', {
  cache: { entriesMax: 0, bytesMax: 0 },
  verifyOnOpen: true,
});
