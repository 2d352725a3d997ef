/**
 * One incarnation of a node (one process): the real node on the simulated disk and clock of its
 * machine, with wrappers that observe it.
 */
import {
  bootstrapRaftCluster,
  defaultBabuzaConfig,
  joinRaftCluster,
  type BabuzaConfig,
  type Logger,
  type PeersConfiguration,
  type Raft,
  type RaftComponent,
} from '@babuza/raft';
import type { Message } from '@babuza/raftpb';
import { DurableSnapshotManager } from '@babuza/snapshot';
import type { SeededRandom, SimulatedDisk } from '@babuza/testkit';
import type { MemoryNetwork } from '@babuza/transport-memory';
import type { EntryStorage, OpenedWal, WalManager } from '@babuza/wal-core';
import { walBackend } from '@babuza/wal-native';
import { BabuzaComponentBuilder } from '../../src/index.ts';
import {
  keyValueMachine,
  type KeyValueMachine,
  type MachineCall,
  type MachineDisk,
} from './key-value-machine.ts';
import { Activity } from './activity.ts';
import type { Coincidences } from './coincidences.ts';
import type { Gate } from './gate.ts';
import { slowSyncs, type ProcessClock } from './machine-world.ts';
import type { ClusterOptions } from './options.ts';
import type { AppliedLedger } from './ledger.ts';
import type { Promises } from './promises.ts';
import { shortage, type SlowParts } from './slow-parts.ts';
import { watchedSnapshots, type SnapshotWatcher } from './watched-snapshots.ts';
import {
  watchedBackend,
  type TransportWatcher,
  type WatchedTransport,
} from './watched-transport.ts';

export interface LifeParts {
  readonly id: bigint;
  readonly options: ClusterOptions;
  readonly clock: ProcessClock;
  readonly disk: SimulatedDisk;
  /** A gate that is closed while the disk hangs. */
  readonly hang: Gate;
  readonly slow: SlowParts;
  readonly coincidences: Coincidences;
  readonly machineDisk: MachineDisk;
  readonly random: SeededRandom;
  readonly network: MemoryNetwork;
  readonly ledger: AppliedLedger;
  readonly promises: Promises;
  /** The first members; a node that is not among them joins. */
  readonly peers: PeersConfiguration;
  /** Called before the node sends a message. */
  readonly onMessage: (message: Message) => void;
  /**
   * Called when a received snapshot is about to be installed, after which the log may begin behind
   * it.
   */
  readonly onInstalling: () => void;
  /** Called when the state machine fails at this call. */
  readonly onFailedCall: (call: MachineCall) => void;
  readonly logger: Logger;
  readonly fail: (problem: string, cause?: unknown) => void;
}

/** The objects of a running incarnation. */
export interface Incarnation {
  readonly clock: ProcessClock;
  readonly machine: KeyValueMachine;
  readonly raft: Raft<string, string | undefined>;
  readonly storage: EntryStorage;
  readonly transport: WatchedTransport;
}

export const addressOf = (id: bigint): string => `node-${id}`;
const tickMs = 20;

/**
 * `onBuilt` receives the function that closes its connections, which must also be called if the
 * process crashes during the start.
 */
export async function beginIncarnation(
  parts: LifeParts,
  onBuilt: (closeTransport: () => void) => void,
): Promise<Incarnation> {
  const { id, options, clock, random, ledger, peers, machineDisk, slow } = parts;
  const watched: { storage?: EntryStorage; transport?: WatchedTransport } = {};
  const activity = new Activity(parts.coincidences, parts.fail, parts.onInstalling);
  const component = await build(parts, watched, activity);
  onBuilt(() => void component.transport.close());
  const machine = keyValueMachine(
    options.machineKind,
    ledger,
    machineDisk,
    () => random.chance(options.flushShare),
    (call) => {
      const working = slow.work(call, clock);
      working?.catch(() => parts.onFailedCall(call));
      if (working === undefined || call !== 'apply') return working;
      return activity.applies(() => working);
    },
  );
  const raft = peers.some((peer) => peer.id === id)
    ? await bootstrapRaftCluster(configOf(parts), peers, machine, component)
    : await joinRaftCluster(configOf(parts), machine, component);
  activity.appliedIndex = () => raft.status().appliedIndex;
  const { storage, transport } = watched;
  if (storage === undefined || transport === undefined) throw new Error('nothing was opened');
  return { clock, machine, raft, storage, transport };
}

async function build(
  parts: LifeParts,
  watched: { storage?: EntryStorage; transport?: WatchedTransport },
  activity: Activity,
): Promise<RaftComponent> {
  const { id, options, clock, disk, hang, random, network, ledger, promises, logger } = parts;
  const { slow, coincidences, fail } = parts;
  const fileSystem = slowSyncs(disk, clock, random, options.syncs, hang);
  const environment = { fileSystem, clock, random: random.fork() };
  const onOpened = ({ storage, hardState }: OpenedWal): void => {
    watched.storage = storage;
    const broken = promises.broken({ hardState, lastIndex: storage.lastIndex() });
    if (broken !== undefined) fail(`node ${id} has forgotten what it promised: ${broken}`);
  };
  const watcher: SnapshotWatcher = {
    activity,
    shortage: () => {
      if (!slow.meetsShortage()) return undefined;
      coincidences.shortages += 1;
      return shortage();
    },
    fail,
  };
  const walOptions = {
    environment,
    segmentBytes: options.segmentBytes,
    cache: { entriesMax: options.cacheEntriesMax, bytesMax: 64 * 1024 },
  };
  return new BabuzaComponentBuilder({
    clusterId: 1,
    nodeId: id,
    storageRootDir: '/data',
    walType: {
      ...walBackend,
      open: async (directory: string) =>
        watching(await walBackend.open(directory, walOptions), onOpened, activity),
    },
    snapshotType: watchedSnapshots(
      new DurableSnapshotManager('/data/snap', {}, environment),
      ledger,
      options.machineKind !== 'disk',
      watcher,
    ),
    sessionType: options.sessionType,
    sessionOptions: options.sessionOptions,
    // Pass objects rather than names, because loading a package takes real time.
    transportType: watchedBackend(transportWatcher(parts, activity), (transport) => {
      watched.transport = transport;
    }),
    transportOptions: { network, address: addressOf(id) },
    clock,
    random: environment.random,
    logger,
  }).build();
}

function configOf({ id, options }: LifeParts): BabuzaConfig {
  const { snapshotEntries, snapshotsKept, compactionMargin, forwardProposals } = options;
  return {
    ...defaultBabuzaConfig(1, id, addressOf(id)),
    tickMs,
    snapshotEntries,
    snapshotsKept,
    compactionMargin,
    forwardProposals,
    readTimeoutMs: 600,
    readRetryMs: 100,
    forwardTimeoutMs: 600,
  };
}

function transportWatcher(
  { promises, onMessage, slow, clock, coincidences }: LifeParts,
  activity: Activity,
): TransportWatcher {
  return {
    onMessage: (message) => {
      promises.says(message);
      onMessage(message);
    },
    onSnapshot: (message, send) => {
      const { metadata } = message.snapshot ?? {};
      return metadata === undefined ? send() : activity.sends(metadata, send);
    },
    beforeChunk: () =>
      slow.beforeChunk(clock).catch((error: unknown) => {
        coincidences.brokenStreams += 1;
        throw error;
      }),
  };
}

/** Wraps a back end to observe each log that is opened. */
function watching(
  manager: WalManager,
  show: (opened: OpenedWal) => void,
  activity: Activity,
): WalManager {
  return new Proxy(manager, {
    get: (of, name) => {
      const value: unknown = Reflect.get(of, name, of);
      if (typeof value !== 'function') return value;
      if (name !== 'createWal' && name !== 'replayWal') return value.bind(of);
      return async (...given: unknown[]): Promise<unknown> => {
        const opened: OpenedWal = await Reflect.apply(value, of, given);
        show(opened);
        return activity.watched(opened);
      };
    },
  });
}
