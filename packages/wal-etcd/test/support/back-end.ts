/** The log in etcd's format as the rungs of the ladder know it. */
import type { Environment } from '@babuza/vfs';
import type { BackEnd } from '@babuza/testkit/ladder';
import { repair } from '../../src/format.ts';
import { sectorBytes } from '../../src/format/layout.ts';
import { EtcdWalManager, walBackend, type EtcdWalOptions } from '../../src/index.ts';

export const directory = '/node/wal';

export function openManager(
  environment: Environment,
  options: EtcdWalOptions = {},
): EtcdWalManager {
  return new EtcdWalManager(directory, { segmentBytes: 16 * 1024, ...options, environment });
}

/**
 * What records that were written in part can look like in this format. A log that only crashed and
 * is refused for any other reason was written, purged or recovered wrongly.
 */
const verdictsOfTornWrites: ReadonlySet<string> = new Set(['ErrCRCMismatch', 'no-message']);

/** The same on a disk that tears a sector, and so the length field or the head of a record. */
const verdictsOfTornSectors: ReadonlySet<string> = new Set([
  ...verdictsOfTornWrites,
  'not-aligned',
  'not-readable',
  'unexpected-block-type',
]);

export const backEnd: BackEnd<EtcdWalOptions> = {
  name: 'wal-etcd',
  capabilities: walBackend.capabilities,
  directory,
  open: openManager,
  async afterRefusal(environment, error) {
    const { verdict } = error;
    const tearsSectors = environment.fileSystem.options.pieceBytes < sectorBytes;
    const expected = tearsSectors ? verdictsOfTornSectors : verdictsOfTornWrites;
    if (!expected.has(verdict)) throw error;
    const repaired = await repair(directory, { environment });
    const manager = openManager(environment);
    // A repair says yes also where it found nothing to do: it looks at no types.
    const opened = repaired ? await manager.replayWal().catch(() => undefined) : undefined;
    return { how: `${verdict}, ${opened ? 'opened by repair' : 'no repair'}`, opened };
  },
};
