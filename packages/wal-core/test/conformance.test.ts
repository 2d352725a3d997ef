/** Runs the suite on the reference back end. It checks both against each other. */
import { describeConformance } from '@babuza/wal-core/conformance';
import type { WalCapabilities } from '@babuza/wal-core';
import { describe, expect, it } from 'vitest';
import {
  MemoryDisk,
  ReferenceManager,
  ReferenceStore,
  referenceCapabilities,
  type StoreParts,
} from './wrong-backends/reference.ts';

describeConformance(
  { describe, it, expect },
  {
    name: 'the reference back end',
    capabilities: referenceCapabilities,
    seeds: 30,
    failsOnDemand: true,
    create() {
      const disk = new MemoryDisk();
      return {
        open: async () => new ReferenceManager(disk),
        failNextWrite(kind) {
          disk.nextFailure = kind;
        },
        destroy() {
          disk.logs.clear();
        },
      };
    },
  },
);

const modest: WalCapabilities = { ...referenceCapabilities, durable: false, exactPurge: false };

/** Purges the view only, which a back end without `exactPurge` may do. It never counts a sync. */
class ModestStore extends ReferenceStore {
  protected override purgeTo(): void {}
  protected override sync(): void {}
}

class ModestManager extends ReferenceManager {
  protected override makeStore(...[log, snapshot, onClose]: StoreTail): ReferenceStore {
    return new ModestStore(this.disk, log, snapshot, onClose);
  }
}

type StoreTail = [StoreParts[1], StoreParts[2], StoreParts[3]];

describeConformance(
  { describe, it, expect },
  {
    name: 'a back end that promises less',
    capabilities: modest,
    seeds: 10,
    create() {
      const disk = new MemoryDisk();
      return {
        open: async () => new ModestManager(disk, modest),
        destroy: () => disk.logs.clear(),
      };
    },
  },
);
