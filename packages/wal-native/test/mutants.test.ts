/**
 * Who tests the tests? Each mutant is a log that stands on something broken: a sync that does not sync, a rename
 * that is not made durable, a write that says too early that it is done. Power cuts must show every one of
 * them; on the honest file system the same harness must find nothing.
 */
import { describe, expect, it } from 'vitest';
import {
  crashStates,
  isWorldStopped,
  runWorkload,
  SimulatedDisk,
  simulatedEnvironment,
} from '@babuza/testkit';
import { WalError, type OpenedWal } from '@babuza/wal-core';
import { Ledger } from '@babuza/wal-core/conformance';
import type {
  DirectoryEntry,
  DirectoryLock,
  EntryKind,
  Environment,
  File,
  FileSystem,
  OpenMode,
} from '@babuza/vfs';
import { NativeWalManager } from '../src/index.ts';
import { Author, directory, metadata, perform } from './support/workload.ts';

/** What is broken. */
type Flaw =
  | 'nothing'
  | 'a durable write is only written'
  | 'a durable write says too early that it is done'
  | 'a durable write of less than a sector is not made'
  | 'a durable write loses its last bytes'
  | 'a durable write lands in the next sector'
  | 'what is not a segment yet is not synced'
  | 'syncing a directory does nothing'
  | 'a seal is not synced'
  | 'the lock is not taken';

class FlawedFileSystem implements FileSystem {
  readonly #below: FileSystem;
  readonly #flaw: Flaw;

  constructor(below: FileSystem, flaw: Flaw) {
    this.#below = below;
    this.#flaw = flaw;
  }

  async open(path: string, mode: OpenMode): Promise<File> {
    return flawedFile(await this.#below.open(path, mode), this.#flaw);
  }

  unlink(path: string): Promise<void> {
    return this.#below.unlink(path);
  }

  rename(from: string, to: string): Promise<void> {
    return this.#below.rename(from, to);
  }

  makeDirectory(path: string): Promise<void> {
    return this.#below.makeDirectory(path);
  }

  list(path: string): Promise<DirectoryEntry[]> {
    return this.#below.list(path);
  }

  kindOf(path: string): Promise<EntryKind | undefined> {
    return this.#below.kindOf(path);
  }

  syncDirectory(path: string): Promise<void> {
    if (this.#flaw === 'syncing a directory does nothing') return Promise.resolve();
    return this.#below.syncDirectory(path);
  }

  lock(path: string): Promise<DirectoryLock> {
    if (this.#flaw !== 'the lock is not taken') return this.#below.lock(path);
    return Promise.resolve({ release: () => Promise.resolve() });
  }

  foreignLock(path: string): Promise<string | undefined> {
    return this.#below.foreignLock(path);
  }
}

/** The durable write of a file is where the flaws are; everything else passes. */
function flawedFile(below: File, flaw: Flaw): File {
  const writeOnly = async (parts: readonly Uint8Array[], position: number): Promise<void> => {
    await below.write(Buffer.concat(parts), position);
  };
  const writeDurable = async (parts: readonly Uint8Array[], position: number): Promise<void> => {
    const data = Buffer.concat(parts);
    // Else the file system below would rightly complain of data that changes while it is written.
    const copy = [new Uint8Array(data)];
    switch (flaw) {
      case 'a durable write is only written':
        return writeOnly(parts, position);
      case 'a durable write says too early that it is done':
        void below.writeDurable(copy, position).catch(() => undefined);
        return undefined;
      case 'a durable write of less than a sector is not made':
        return data.length < 512 ? undefined : below.writeDurable(parts, position);
      case 'a durable write loses its last bytes':
        return below.writeDurable([data.subarray(0, Math.max(0, data.length - 64))], position);
      case 'a durable write lands in the next sector':
        return below.writeDurable(parts, data.length > 2000 ? position + 512 : position);
      case 'what is not a segment yet is not synced':
        return position === 0 ? writeOnly(parts, position) : below.writeDurable(parts, position);
      case 'a seal is not synced': {
        const isSeal = position + data.length === (await below.size());
        return isSeal ? writeOnly(parts, position) : below.writeDurable(parts, position);
      }
      default:
        return below.writeDurable(parts, position);
    }
  };
  return {
    path: below.path,
    read: (target, position) => below.read(target, position),
    readSync: (target, position) => below.readSync(target, position),
    write: (data, position) => below.write(data, position),
    writeSync: (data, position) => below.writeSync(data, position),
    writeDurable,
    writeDurableSync: (parts, position) => below.writeDurableSync(parts, position),
    datasync: () => below.datasync(),
    datasyncSync: () => below.datasyncSync(),
    truncate: (bytes) => below.truncate(bytes),
    size: () => below.size(),
    close: () => below.close(),
  };
}

function managerOn(environment: Environment, flaw: Flaw): NativeWalManager {
  const fileSystem = new FlawedFileSystem(environment.fileSystem, flaw);
  const options = { segmentBytes: 16 * 1024, environment: { ...environment, fileSystem } };
  return new NativeWalManager(directory, options);
}

/** Works on the flawed log until the given call, then on what a power cut leaves. Returns what is wrong. */
async function findings(flaw: Flaw, seed: number, stopAt: number): Promise<string[] | 'finished'> {
  const disk = new SimulatedDisk({ seed });
  const environment = simulatedEnvironment(seed, disk);
  const ledger = new Ledger();
  let created = false;
  const found: string[] = [];
  disk.stopAtMutation(stopAt);
  const life = async (): Promise<void> => {
    const opened = await managerOn(environment, flaw).createWal(metadata);
    created = true;
    const author = new Author(seed, opened);
    for (let step = 0; step < 25; step += 1) {
      const error = await perform(opened, ledger, author.next());
      if (error !== undefined) return;
      await readBack(opened);
    }
  };
  const ended = await runWorkload(environment, life).catch((error: unknown) => {
    if (!isWorldStopped(error)) found.push(`while it ran: ${String(error)}`);
    return { outcome: 'stopped' } as const;
  });
  for (const state of crashStates(disk, { exhaustiveMax: 8, samples: 8, seed: stopAt })) {
    const world = simulatedEnvironment(seed, state.disk);
    await runWorkload(world, async () => {
      const manager = managerOn(world, flaw);
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

/** Reads of the log itself must hold, too. */
async function readBack({ storage }: OpenedWal): Promise<void> {
  const last = storage.lastIndex();
  if (last >= storage.firstIndex()) storage.entries(last, last + 1, Infinity);
  await Promise.resolve();
}

/** How many of the worlds that were looked at until something was wrong; `undefined` if nothing was. */
async function worldsUntilCaught(flaw: Flaw, seeds: number): Promise<number | undefined> {
  let worlds = 0;
  for (let seed = 1; seed <= seeds; seed += 1) {
    for (let stopAt = 2; ; stopAt += 3) {
      worlds += 1;
      const found = await findings(flaw, seed, stopAt);
      if (found === 'finished') break;
      if (found.length > 0) return worlds;
    }
  }
  return undefined;
}

const flaws: readonly Flaw[] = [
  'a durable write is only written',
  'a durable write says too early that it is done',
  'a durable write of less than a sector is not made',
  'a durable write loses its last bytes',
  'a durable write lands in the next sector',
  'what is not a segment yet is not synced',
  'syncing a directory does nothing',
  'a seal is not synced',
];

describe('mutants', () => {
  it('the honest one passes', async () => {
    expect(await worldsUntilCaught('nothing', 6)).toBeUndefined();
  });

  for (const flaw of flaws) {
    it(`${flaw}: caught`, async () => {
      const worlds = await worldsUntilCaught(flaw, 12);
      console.log(`${flaw}: caught in world ${worlds}`);
      expect(worlds).toBeDefined();
    });
  }

  it('the lock is not taken: caught by a second manager', async () => {
    for (const flaw of ['nothing', 'the lock is not taken'] as const) {
      const environment = simulatedEnvironment(1);
      await runWorkload(environment, async () => {
        await managerOn(environment, flaw).createWal(metadata);
        const second = managerOn(environment, flaw).replayWal();
        const code = await second.then(
          () => 'opened twice',
          (error: unknown) => (error instanceof WalError ? error.code : String(error)),
        );
        expect(code).toBe(flaw === 'nothing' ? 'WAL_LOCKED' : 'opened twice');
      });
    }
  });
});
