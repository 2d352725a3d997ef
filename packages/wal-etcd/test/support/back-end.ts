/** The log in etcd's format, for the crash and fault tests of the testkit. */
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
 * The verdicts that partly written records can have in this format. If a log that only crashed is
 * refused for any other reason, it was written, purged or recovered wrongly.
 */
const verdictsOfTornWrites: ReadonlySet<string> = new Set(['ErrCRCMismatch', 'no-message']);

/**
 * The verdicts on a disk that tears a sector, and so the length field or the beginning of a record.
 */
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
    // `repair` also returns true if there was nothing to do, because it does not check types.
    const opened = repaired ? await manager.replayWal().catch(() => undefined) : undefined;
    return { how: `${verdict}, ${opened ? 'opened by repair' : 'no repair'}`, opened };
  },
};
