/**
 * A fake back end: one segment file without content, and a state that the test provides. It records
 * the calls of the manager, and can wait or fail at each step.
 */
import type { SnapshotMetadata } from '@babuza/raftpb';
import { guardedEnvironment, type Environment } from '@babuza/vfs';
import { defaultCacheLimits, type TailReport, type WalMetadata } from '@babuza/wal-core';
import {
  LogState,
  PositionIndex,
  type EntryView,
  type LogStore,
  type SavePlan,
} from '@babuza/wal-core/backend';
import {
  FileWalManager,
  type FoundLog,
  type LastSegments,
  type LogFiles,
  type LogLocation,
  type ReadyLog,
} from '../../src/index.ts';

export const directory = '/node/wal';
export const segmentName = '0000000000000001-00000000.wal';
export const segmentPath: string = `${directory}/${segmentName}`;
export const cleanTail: TailReport = { verdict: 'clean', bytesDropped: 0 };
export const metadata: WalMetadata = { clusterId: 1n, nodeId: 2n, entryBytesMax: 1024 };

const capabilities = {
  durable: true,
  batchAtomic: true,
  detectsEveryFlip: true,
  exactPurge: true,
  entryBytesMax: 1024,
};

/** The steps at which a test can make the back end wait or fail. */
export type Step =
  | 'create'
  | 'created'
  | 'look'
  | 'find'
  | 'recover'
  | 'commit'
  | 'close store'
  | 'store closed'
  | 'abandon';

export class FakeLogFiles implements LogFiles {
  readonly #environment: Environment;
  /** The steps so far, in order. */
  readonly steps: Step[] = [];
  /** Called at each step; it may wait or throw. */
  atStep: (step: Step) => Promise<void> | void = () => {};
  /** The content of a log that is found. */
  entries = 0;
  commit = 0;
  markers: readonly SnapshotMetadata[] = [];
  tail: TailReport = cleanTail;
  repaired: FoundLog['repaired'] = [];
  readonly committed: SavePlan[] = [];

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  async hasLog(at: string): Promise<boolean> {
    const entries = await this.#environment.fileSystem.list(at);
    return entries.some(({ name }) => name === segmentName);
  }

  isTemporary(name: string): boolean {
    return name.endsWith('.tmp');
  }

  async lastSegments(): Promise<LastSegments> {
    await Promise.resolve();
    return { fileNames: [segmentName], temporaryName: 'copy.tmp' };
  }

  async create(location: LogLocation, created: WalMetadata): Promise<ReadyLog> {
    await this.#step('create');
    const path = `${location.directory}/${segmentName}`;
    const file = await this.#environment.fileSystem.open(path, 'create');
    await file.close();
    await this.#step('created');
    return this.#ready(created);
  }

  async look(): Promise<{ tail: TailReport; markers: SnapshotMetadata[] }> {
    await this.#step('look');
    return { tail: this.tail, markers: [...this.markers] };
  }

  async find(location: LogLocation): Promise<FoundLog> {
    await this.#step('find');
    const path = `${location.directory}/${segmentName}`;
    const file = await this.#environment.fileSystem.open(path, 'write');
    const ready = this.#ready(metadata);
    return {
      metadata,
      state: ready.state,
      repaired: this.repaired,
      recover: async () => {
        await this.#step('recover');
        return { tail: this.tail, ready };
      },
      abandon: async () => {
        await this.#step('abandon');
        await file.close();
      },
    };
  }

  async #step(step: Step): Promise<void> {
    this.steps.push(step);
    await this.atStep(step);
  }

  #ready(ofLog: WalMetadata): ReadyLog {
    const index = new PositionIndex();
    for (let at = 1; at <= this.entries; at += 1) index.append(at, 1, 1, 8 * at);
    const hardState = { term: 1, vote: 0n, commit: this.commit };
    return {
      metadata: ofLog,
      state: new LogState(index, hardState, this.markers),
      reader: {
        read: () => {
          throw new Error('this log has no payloads');
        },
      },
      openStore: (view, _events, onClosed) => this.#store(view, onClosed),
    };
  }

  #store(view: EntryView<PositionIndex>, onClosed: () => void): LogStore {
    return {
      stats: { syncs: 0, bytesWritten: 0, segments: 1 },
      commit: async (plans) => {
        await this.#step('commit');
        this.committed.push(...plans);
      },
      publish: (plan) => {
        view.publish(plan, () => {});
      },
      releasePurged: () => Promise.reject(new Error('this log is never purged')),
      setUnsafeNoFsync: () => {},
      close: async () => {
        try {
          await this.#step('close store');
        } finally {
          this.steps.push('store closed');
          onClosed();
        }
      },
    };
  }
}

/** The first call of the step resolves `reached` and then waits for `goOn`. */
export function pauseAt(
  files: FakeLogFiles,
  step: Step,
): { readonly reached: Promise<void>; readonly goOn: () => void } {
  let tell = (): void => {};
  let goOn = (): void => {};
  const reached = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const pause = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  files.atStep = async (at) => {
    if (at !== step) return;
    files.atStep = () => {};
    tell();
    await pause;
  };
  return { reached, goOn: () => goOn() };
}

/** A manager with the fake back end. */
export function fakeManager(
  environment: Environment,
  files: FakeLogFiles = new FakeLogFiles(environment),
): { manager: FileWalManager; files: FakeLogFiles } {
  const manager = new FileWalManager(directory, {
    walType: 'babuza-wal',
    capabilities,
    environment: guardedEnvironment(environment),
    cache: defaultCacheLimits,
    files,
  });
  return { manager, files };
}
