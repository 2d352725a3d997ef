/** The suite on the reference back end: both are right, or both are wrong in the same way. */
import { describeConformance } from '@babuza/wal-core/conformance';
import type { WalCapabilities } from '@babuza/wal-core';
import { describe, expect, it } from 'vitest';
import {
  MemoryPlace,
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
      const place = new MemoryPlace();
      return {
        open: async () => new ReferenceManager(place),
        failNextWrite(kind) {
          place.nextFailure = kind;
        },
        destroy() {
          place.logs.clear();
        },
      };
    },
  },
);

const modest: WalCapabilities = { ...referenceCapabilities, durable: false, exactPurge: false };

/** Purges what is shown only: allowed where the capability says so. Never counts a sync. */
class ModestStore extends ReferenceStore {
  protected override purgeTo(): void {}
  protected override sync(): void {}
}

class ModestManager extends ReferenceManager {
  protected override makeStore(...[log, snapshot, onClose]: StoreTail): ReferenceStore {
    return new ModestStore(this.place, log, snapshot, onClose);
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
      const place = new MemoryPlace();
      return {
        open: async () => new ModestManager(place, modest),
        destroy: () => place.logs.clear(),
      };
    },
  },
);
