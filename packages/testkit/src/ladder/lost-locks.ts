/**
 * The owner of a log is suspended at any call of its work and loses the lock. Another manager opens
 * the log, writes, and stays open while the first one continues. From then on the first one changes
 * nothing on the disk and acknowledges nothing. In the end everything that either of them
 * acknowledged is there.
 */
import { EntryType, type Entry } from '@babuza/raftpb';
import type { File, FileSystem } from '@babuza/vfs';
import { WalError, type EntryStorage, type OpenedWal } from '@babuza/wal-core';
import {
  runWorkload,
  simulatedEnvironment,
  type SimulatedEnvironment,
} from '../simulated-environment.ts';
import { expectThat, metadata, openLog, type BackEnd } from './back-end.ts';

/** The result of a run. */
export interface LostLockRun {
  /** How many calls of the first owner changed the disk. */
  readonly calls: number;
  /** The error code with which the first owner stopped, if it was stopped. */
  readonly error: WalError | undefined;
  /** The acknowledged entries of the first owner and of the second. */
  readonly acknowledged: readonly [number, number];
}

const entryBytes = 600;

/**
 * When the first owner is suspended: after a call that changes something has returned, or before a
 * write for which it has checked the lock already, so that the write arrives late. Late changes of
 * names are not tested; `docs/DURABILITY.md` describes what remains of them.
 */
export type StallPoint = 'after a call' | 'before a write';

/** Runs the work of the first owner, which is suspended at call number `stallAt`. */
export async function loseLockAt(
  backEnd: BackEnd,
  stallAt: number,
  point: StallPoint = 'after a call',
): Promise<LostLockRun> {
  const environment = simulatedEnvironment(stallAt);
  const run = new LostLock(backEnd, environment, stallAt, point);
  await runWorkload(environment, () => run.run());
  return run.result();
}

class LostLock {
  readonly #backEnd: BackEnd;
  readonly #environment: SimulatedEnvironment;
  readonly #stallAt: number;
  readonly #point: StallPoint;
  readonly #context: string;
  #calls = 0;
  #callsWhenLost: number | undefined;
  #firstDurable = 0;
  #firstError: WalError | undefined;
  #second: OpenedWal | undefined;
  #secondFrom = 1;
  #secondDurable = 0;
  #closeSecond: () => Promise<void> = () => Promise.resolve();

  constructor(
    backEnd: BackEnd,
    environment: SimulatedEnvironment,
    stallAt: number,
    point: StallPoint,
  ) {
    this.#backEnd = backEnd;
    this.#environment = environment;
    this.#stallAt = stallAt;
    this.#point = point;
    this.#context = `${backEnd.name}, the lock is lost ${point}, number ${stallAt}`;
  }

  result(): LostLockRun {
    const second = Math.max(0, this.#secondDurable - this.#secondFrom + 1);
    const acknowledged = [this.#firstDurable, second] as const;
    return { calls: this.#calls, error: this.#firstError, acknowledged };
  }

  async run(): Promise<void> {
    await this.#firstWork().catch((error: unknown) => {
      expectThat(error instanceof WalError, `${this.#context}: ${String(error)}`);
      this.#firstError ??= error as WalError;
    });
    if (this.#second === undefined) return;
    const { code } = this.#firstError ?? {};
    const changed = this.#calls - (this.#callsWhenLost ?? 0);
    expectThat(changed === 0, `${this.#context}: the first owner still changed the disk`);
    expectThat(code === undefined || code === 'WAL_LOCK_LOST', `${this.#context}: ${code}`);
    await this.#write(this.#second, 15);
    await this.#closeSecond();
    await this.#judge();
  }

  async #firstWork(): Promise<void> {
    const { clock, random, fileSystem } = this.#environment;
    const pausing = pausingFileSystem(fileSystem, this.#point, () => this.#called());
    const manager = this.#backEnd.open({ fileSystem: pausing, clock, random });
    try {
      const { wal } = await manager.createWal(metadata);
      for (let index = 1; index <= 60; index += 1) {
        await wal.save({
          entries: [entryOf(index, 1)],
          hardState: { term: 1, vote: 1n, commit: index },
        });
        expectThat(this.#second === undefined, `${this.#context}: acknowledged without the lock`);
        this.#firstDurable = index;
        if (index % 25 === 0) await wal.purge(index - 20);
      }
      // Lets time pass for idle marks and for files that are prepared.
      await clock.sleep(200);
    } finally {
      await manager.close();
    }
  }

  /** Called at each call of the first owner that changes the disk. */
  async #called(): Promise<void> {
    this.#calls += 1;
    if (this.#calls !== this.#stallAt) return;
    const { fileSystem } = this.#environment;
    const { directory } = this.#backEnd;
    // Before the lock is taken, and after it was released, it cannot be lost.
    const isHeld = (await fileSystem.kindOf(`${directory}/LOCK`)) === 'file';
    if (!isHeld) return;
    fileSystem.takeLockAway(directory);
    this.#callsWhenLost = this.#calls;
    const manager = this.#backEnd.open(this.#environment);
    const opened = await openLog(manager);
    expectThat(
      opened.storage.lastIndex() >= this.#firstDurable,
      `${this.#context}: the second owner lacks entries that the first had acknowledged`,
    );
    this.#second = opened;
    this.#secondFrom = opened.storage.lastIndex() + 1;
    this.#closeSecond = () => manager.close();
    await this.#write(opened, 15);
  }

  async #write({ wal, storage }: OpenedWal, count: number): Promise<void> {
    for (let written = 0; written < count; written += 1) {
      const index = storage.lastIndex() + 1;
      const hardState = { term: 2, vote: 2n, commit: index };
      await wal.save({ entries: [entryOf(index, 2)], hardState });
      this.#secondDurable = index;
    }
  }

  async #judge(): Promise<void> {
    const manager = this.#backEnd.open(this.#environment);
    const { storage } = await manager.replayWal();
    const isWhole =
      storage.lastIndex() === this.#secondDurable &&
      everyEntry(storage, (index) => (index < this.#secondFrom ? 1 : 2));
    expectThat(isWhole, `${this.#context}: an acknowledged entry is missing or has changed`);
    await manager.close();
  }
}

function everyEntry(storage: EntryStorage, termOf: (index: number) => number): boolean {
  const first = storage.firstIndex();
  const entries = storage.entries(first, storage.lastIndex() + 1, Infinity);
  return entries.every(({ index, term, data }) => {
    const expected = entryOf(index, termOf(index));
    return term === expected.term && Buffer.compare(data ?? noBytes, expected.data) === 0;
  });
}

const noBytes = new Uint8Array(0);

function entryOf(index: number, term: number): Entry & { readonly data: Uint8Array } {
  const data = new Uint8Array(entryBytes).fill((index + 100 * term) % 251);
  return { index, term, type: EntryType.Normal, data };
}

type Pausing = <Result>(call: () => Promise<Result>) => Promise<Result>;

/** Awaits `called` before or after each call that changes something. */
function pausingFileSystem(
  below: FileSystem,
  point: StallPoint,
  called: () => Promise<void>,
): FileSystem {
  const names: Pausing = async (call) => {
    const result = await call();
    if (point === 'after a call') await called();
    return result;
  };
  const content: Pausing = async (call) => {
    if (point === 'after a call') return names(call);
    await called();
    return call();
  };
  return {
    open: async (path, mode) => {
      const open = (): Promise<File> => below.open(path, mode);
      return pausingFile(await (mode === 'create' ? names(open) : open()), content);
    },
    unlink: (path) => names(() => below.unlink(path)),
    rename: (from, to) => names(() => below.rename(from, to)),
    makeDirectory: (path) => names(() => below.makeDirectory(path)),
    removeDirectory: (path) => names(() => below.removeDirectory(path)),
    list: (path) => below.list(path),
    kindOf: (path) => below.kindOf(path),
    syncDirectory: (path) => names(() => below.syncDirectory(path)),
    lock: (path) => below.lock(path),
    foreignLock: (path) => below.foreignLock(path),
  };
}

function pausingFile(below: File, pausing: Pausing): File {
  return {
    path: below.path,
    read: (target, position) => below.read(target, position),
    readSync: (target, position) => below.readSync(target, position),
    write: (data, position) => pausing(() => below.write(data, position)),
    writeSync: (data, position) => below.writeSync(data, position),
    writeDurable: (parts, position) => pausing(() => below.writeDurable(parts, position)),
    writeDurableSync: (parts, position) => below.writeDurableSync(parts, position),
    // A sync makes earlier writes durable and changes nothing that another owner has written.
    datasync: () => below.datasync(),
    datasyncSync: () => below.datasyncSync(),
    truncate: (bytes) => pausing(() => below.truncate(bytes)),
    size: () => below.size(),
    close: () => below.close(),
  };
}
