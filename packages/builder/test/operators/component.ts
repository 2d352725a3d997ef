/** Puts the parts of a node together on a simulated disk, clock and network. */
import type { BabuzaConfig, Logger, RaftComponent, TransportBackend } from '@babuza/raft';
import { defaultBabuzaConfig } from '@babuza/raft';
import { DurableSnapshotManager } from '@babuza/snapshot';
import type { SeededRandom } from '@babuza/testkit';
import {
  transportBackend,
  type MemoryNetwork,
  type MemoryTransportOptions,
} from '@babuza/transport-memory';
import type { Clock, FileSystem } from '@babuza/vfs';
import { walBackend } from '@babuza/wal-native';
import { BabuzaComponentBuilder, type BuilderConfig } from '../../src/index.ts';

export interface ComponentParts {
  readonly id: bigint;
  readonly clusterId: number;
  readonly address: string;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly network: MemoryNetwork;
  readonly logger: Logger;
  /** Default: the native log on the disk. */
  readonly walType?: BuilderConfig['walType'] | undefined;
  readonly transportType?: TransportBackend<MemoryTransportOptions>;
}

export const addressOf = (id: bigint): string => `node-${id}`;

export async function buildComponent(parts: ComponentParts): Promise<RaftComponent> {
  const { id, clusterId, address, fileSystem, clock, random, network, logger } = parts;
  const environment = { fileSystem, clock, random };
  return new BabuzaComponentBuilder({
    clusterId,
    nodeId: id,
    storageRootDir: '/data',
    walType: parts.walType ?? {
      ...walBackend,
      open: (directory: string) =>
        walBackend.open(directory, { environment, segmentBytes: 64 * 1024 }),
    },
    snapshotType: new DurableSnapshotManager('/data/snap', {}, environment),
    transportType: parts.transportType ?? transportBackend,
    transportOptions: { network, address },
    clock,
    random,
    logger,
  }).build();
}

export function configOf(
  { id, clusterId, address }: Pick<ComponentParts, 'id' | 'clusterId' | 'address'>,
  changes: Partial<BabuzaConfig> = {},
): BabuzaConfig {
  return {
    ...defaultBabuzaConfig(clusterId, id, address),
    tickMs: 20,
    snapshotEntries: Infinity,
    ...changes,
  };
}
