/** Puts the parts of a node together on a simulated disk, clock and network. */
import type { BabuzaConfig, Logger, RaftComponent } from '@babuza/raft';
import type { TransportBackend } from '@babuza/raft/ports';
import { defaultBabuzaConfig } from '@babuza/raft';
import { DurableSnapshotManager } from '@babuza/snapshot';
import type { SeededRandom } from '@babuza/testkit';
import {
  transportBackend,
  type MemoryNetwork,
  type MemoryTransportOptions,
} from '@babuza/transport-memory';
import type { Clock, Environment, FileSystem } from '@babuza/vfs';
import type { WalBackend } from '@babuza/wal-core';
import { walBackend as etcdBackend } from '@babuza/wal-etcd';
import { walBackend as memoryBackend } from '@babuza/wal-memory';
import { walBackend as nativeBackend } from '@babuza/wal-native';
import { BabuzaComponentBuilder } from '../../src/index.ts';

export interface ComponentParts {
  readonly id: bigint;
  readonly clusterId: number;
  readonly address: string;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly network: MemoryNetwork;
  readonly logger: Logger;
  /** Default: the native log. */
  readonly walKind?: 'etcd-wal' | 'level-wal-memory' | undefined;
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
    walType: walTypeOf(parts, environment),
    snapshotType: new DurableSnapshotManager('/data/snap', {}, environment),
    transportType: parts.transportType ?? transportBackend,
    transportOptions: { network, address },
    clock,
    random,
    logger,
  }).build();
}

function walTypeOf({ walKind }: ComponentParts, environment: Environment): WalBackend {
  const options = { environment, segmentBytes: 64 * 1024 };
  if (walKind === 'level-wal-memory') {
    return {
      ...memoryBackend,
      open: (directory: string) => memoryBackend.open(directory, { environment }),
    };
  }
  const backend = walKind === undefined ? nativeBackend : etcdBackend;
  return { ...backend, open: (directory: string) => backend.open(directory, options) };
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
