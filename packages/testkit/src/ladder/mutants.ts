/**
 * Tests of the tests. A flaw makes the file system below a log broken: a sync does not sync, a
 * rename is not made durable, a write resolves too early. Power cuts must reveal every flaw. On an
 * honest file system the same harness must find nothing.
 */
import type { DirectoryLock, File, FileSystem } from '@babuza/vfs';
import { crashStates } from '../crash-states.ts';
import { SimulatedDisk } from '../simulated-disk.ts';
import { isWorldStopped, runWorkload, simulatedEnvironment } from '../simulated-environment.ts';
import { Author, perform } from './author.ts';
import { ledgerFor, metadata, type BackEnd } from './back-end.ts';

/** The calls that are replaced. */
export interface Flaw {
  readonly name: string;
  readonly file?: (below: File) => Partial<File>;
  readonly names?: (below: FileSystem) => Partial<FileSystem>;
}

type DurableWrite = File['writeDurable'];

/** A flaw of durable writes only; all other calls pass. */
function durableWrite(name: string, flawed: (below: File) => DurableWrite): Flaw {
  return { name, file: (below) => ({ writeDurable: flawed(below) }) };
}

const writeOnly =
  (below: File): DurableWrite =>
  async (parts, position) => {
    await below.write(Buffer.concat(parts), position);
  };

/** Flaws of the disk that no log can survive, whatever its format. */
export const flaws: readonly Flaw[] = [
  durableWrite('a durable write is only written', writeOnly),
  durableWrite('a durable write resolves too early', (below) => (parts, position) => {
    // The data is copied, because the simulated file reports data that changes while it is written.
    const copy = [new Uint8Array(Buffer.concat(parts))];
    void below.writeDurable(copy, position).catch(() => undefined);
    return Promise.resolve();
  }),
  durableWrite(
    'a durable write of less than a sector is not made',
    (below) => async (parts, position) =>
      Buffer.concat(parts).length < 512 ? undefined : below.writeDurable(parts, position),
  ),
  durableWrite('a durable write loses its last bytes', (below) => (parts, position) => {
    const data = Buffer.concat(parts);
    return below.writeDurable([data.subarray(0, Math.max(0, data.length - 64))], position);
  }),
  durableWrite('a durable write lands in the next sector', (below) => (parts, position) => {
    const { length } = Buffer.concat(parts);
    return below.writeDurable(parts, length > 2000 ? position + 512 : position);
  }),
  durableWrite('a prepared segment is not synced', (below) => (parts, position) => {
    return position === 0 ? writeOnly(below)(parts, position) : below.writeDurable(parts, position);
  }),
  {
    name: 'syncing a directory does nothing',
    names: () => ({ syncDirectory: () => Promise.resolve() }),
  },
];

/** A lock that excludes no other owner. */
const noLock: DirectoryLock = {
  tookFromSilentOwner: false,
  isFresh: () => true,
  confirm: () => Promise.resolve(),
  onLost: () => undefined,
  release: () => Promise.resolve(),
};

export const unlocked: Flaw = {
  name: 'the lock is not taken',
  names: () => ({ lock: () => Promise.resolve(noLock) }),
};

export const sealNotSynced: Flaw = durableWrite(
  'a seal is not synced',
  (below) => async (parts, position) => {
    const isSeal = position + Buffer.concat(parts).length === (await below.size());
    return isSeal ? writeOnly(below)(parts, position) : below.writeDurable(parts, position);
  },
);

/** The same back end on a file system with the flaw. */
export function withFlaw<Options extends object>(
  backEnd: BackEnd<Options>,
  flaw: Flaw | undefined,
): BackEnd<Options> {
  if (flaw === undefined) return backEnd;
  return {
    ...backEnd,
    open: (environment, options) => {
      const fileSystem = flawedFileSystem(environment.fileSystem, flaw);
      return backEnd.open({ ...environment, fileSystem }, options);
    },
  };
}

function flawedFileSystem(below: FileSystem, flaw: Flaw): FileSystem {
  return {
    open: async (path, mode) => flawedFile(await below.open(path, mode), flaw),
    unlink: (path) => below.unlink(path),
    rename: (from, to) => below.rename(from, to),
    makeDirectory: (path) => below.makeDirectory(path),
    list: (path) => below.list(path),
    kindOf: (path) => below.kindOf(path),
    syncDirectory: (path) => below.syncDirectory(path),
    lock: (path) => below.lock(path),
    removeDirectory: (path) => below.removeDirectory(path),
    foreignLock: (path) => below.foreignLock(path),
    ...flaw.names?.(below),
  };
}

function flawedFile(below: File, flaw: Flaw): File {
  return {
    path: below.path,
    read: (target, position) => below.read(target, position),
    readSync: (target, position) => below.readSync(target, position),
    write: (data, position) => below.write(data, position),
    writeSync: (data, position) => below.writeSync(data, position),
    writeDurable: (parts, position) => below.writeDurable(parts, position),
    writeDurableSync: (parts, position) => below.writeDurableSync(parts, position),
    datasync: () => below.datasync(),
    datasyncSync: () => below.datasyncSync(),
    truncate: (bytes) => below.truncate(bytes),
    size: () => below.size(),
    close: () => below.close(),
    ...flaw.file?.(below),
  };
}

/**
 * The number of worlds that were checked until a violation was found; `undefined` if there was no
 * violation.
 */
export async function worldsUntilCaught(
  backEnd: BackEnd,
  flaw: Flaw | undefined,
  seeds: number,
): Promise<number | undefined> {
  const flawed = withFlaw(backEnd, flaw);
  let worlds = 0;
  for (let seed = 1; seed <= seeds; seed += 1) {
    for (let stopAt = 2; ; stopAt += 3) {
      worlds += 1;
      const found = await findings(flawed, seed, stopAt);
      if (found === 'finished') break;
      if (found.length > 0) return worlds;
    }
  }
  return undefined;
}

/**
 * Works on the flawed log until the given call, then opens what a power cut left. Returns the
 * violations.
 */
async function findings(
  backEnd: BackEnd,
  seed: number,
  stopAt: number,
): Promise<string[] | 'finished'> {
  const disk = new SimulatedDisk({ seed });
  const environment = simulatedEnvironment(seed, disk);
  const ledger = ledgerFor(backEnd);
  let created = false;
  const found: string[] = [];
  disk.stopAtMutation(stopAt);
  const workload = async (): Promise<void> => {
    const opened = await backEnd.open(environment).createWal(metadata);
    created = true;
    const author = new Author(seed, opened);
    for (let step = 0; step < 25; step += 1) {
      const error = await perform(opened, ledger, author.next());
      if (error !== undefined) return;
      // The reads of the log itself must be right, too.
      const { storage } = opened;
      const last = storage.lastIndex();
      if (last >= storage.firstIndex()) storage.entries(last, last + 1, Infinity);
      await Promise.resolve();
    }
  };
  const ended = await runWorkload(environment, workload).catch((error: unknown) => {
    if (!isWorldStopped(error)) found.push(`during the work: ${String(error)}`);
    return { outcome: 'stopped' } as const;
  });
  for (const state of crashStates(disk, { exhaustiveMax: 8, samples: 8, seed: stopAt })) {
    const world = simulatedEnvironment(seed, state.disk);
    await runWorkload(world, async () => {
      const manager = backEnd.open(world);
      if (!(await manager.hasExistingWal())) {
        if (created) found.push('the log is gone');
        return;
      }
      const opened = await manager.replayWal();
      found.push(...ledger.judge(opened));
    }).catch((error: unknown) => found.push(`after a power cut: ${String(error)}`));
  }
  return found.length === 0 && ended.outcome === 'finished' ? 'finished' : found;
}

/**
 * Tries to open the log with a second manager while the first has it open. Returns the error code,
 * or `opened twice`.
 */
export async function secondOpening(backEnd: BackEnd, flaw: Flaw | undefined): Promise<string> {
  const environment = simulatedEnvironment(1);
  const flawed = withFlaw(backEnd, flaw);
  const result = await runWorkload(environment, async () => {
    await flawed.open(environment).createWal(metadata);
    return flawed
      .open(environment)
      .replayWal()
      .then(
        () => 'opened twice',
        (error: unknown) => codeOf(error),
      );
  });
  return result.outcome === 'finished' ? result.value : 'the world stopped';
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
