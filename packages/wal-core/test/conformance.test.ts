/** The suite on the reference back end: both are right, or both are wrong in the same way. */
import { describeConformance } from '@babuza/wal-core/conformance';
import { describe, expect, it } from 'vitest';
import {
  MemoryPlace,
  ReferenceManager,
  referenceCapabilities,
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
