/**
 * How a client resolves the names of nodes: as the members do, so that the name of a node that is
 * down holds up neither the other nodes nor the thread pool.
 */
import type { LookupFunction } from 'node:net';
import { nodeNames } from '@babuza/vfs';

const limitMs = 15_000;

export const lookUp: LookupFunction = (host, { all }, answer) => {
  nodeNames()
    .lookUp(host, AbortSignal.timeout(limitMs))
    .then(
      (found) => {
        const [first] = found;
        if (all === true) answer(null, [...found]);
        else answer(null, first?.address ?? '', first?.family);
      },
      (error: unknown) => answer(error instanceof Error ? error : new Error(String(error)), ''),
    );
};
