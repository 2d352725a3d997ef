/**
 * A disk in memory that does whatever the fault model allows. Bytes and names that were not synced
 * may be lost in any combination, every call can fail, and the world can stop at any call.
 * Everything follows from one seed.
 *
 * A test creates a disk, runs a workload on it, and stops the world (`stopAtCall`, `stop`). Then it
 * opens the disks that a power cut (`crash`, `crashStates`) or a killed process (`kill`) leaves.
 */
import type {
  DirectoryEntry,
  DirectoryLock,
  EntryKind,
  File,
  FileSystem,
  OpenMode,
} from '@babuza/vfs';
import { CallEngine, formatTrace } from './call-engine.ts';
import type { CallRecord, CallSite, HeldCall, PossibleEffect } from './call-engine.ts';
import { CrashPlan } from './crash-plan.ts';
import { DiskSurgery } from './disk-surgery.ts';
import { simulatedError } from './fault-rules.ts';
import type { FaultRule, InjectedFault } from './fault-rules.ts';
import { PAGE_BYTES } from './paged-image.ts';
import { SeededRandom, mixSeeds } from './seeded-random.ts';
import { SimulatedFile } from './simulated-file.ts';
import type { FileHost } from './simulated-file.ts';
import { DiskTree, baseName, parentOf } from './disk-tree.ts';
import { SimulatedLock } from './simulated-lock.ts';
import { FileNode } from './simulated-node.ts';
import type { DirectoryNode } from './simulated-node.ts';

/** How a simulated disk behaves. */
export interface SimulatedDiskOptions {
  /** The seed of all random decisions. Default 1. */
  readonly seed?: number;
  /**
   * The size of the pieces of a write that survive a crash independently, in bytes: 512 (default),
   * 4096 or 1.
   */
  readonly pieceBytes?: number;
  /** Whether unwritten parts of a grown file may show old bytes instead of zeros. Default false. */
  readonly showsGarbage?: boolean;
  /**
   * The capacity for all files together, in bytes, counted in pages of 4 KiB. Default: no limit.
   */
  readonly capacityBytes?: number;
  /** Whether `callSites` is filled, which costs a stack trace per call. Default false. */
  readonly recordsCallSites?: boolean;
}

const LOCK_NAME = 'LOCK';

/** The file system of a simulated machine. */
export class SimulatedDisk implements FileSystem {
  readonly options: Required<SimulatedDiskOptions>;
  /** Changes stored files directly, as damage at rest does. */
  readonly surgery: DiskSurgery;
  /** Files that other programs have locked, with a description of the holder. */
  readonly foreignLocks: Map<string, string> = new Map();
  /** The capacity for all files together, in bytes. It may change at any time. */
  capacityBytes: number;
  readonly #tree: DiskTree;
  readonly #engine: CallEngine;
  readonly #host: FileHost;
  readonly #open: Set<SimulatedFile> = new Set();
  /** Keyed by the directory that is locked. */
  readonly #locks: Map<DirectoryNode, SimulatedLock> = new Map();
  /** Directories whose lock was taken away. The next owner learns of it. */
  readonly #silent: Set<DirectoryNode> = new Set();

  /** A new, empty disk with a root directory. `tree` is the content of a disk that a crash left. */
  constructor(options: SimulatedDiskOptions = {}, tree: DiskTree = new DiskTree()) {
    this.options = {
      seed: options.seed ?? 1,
      pieceBytes: options.pieceBytes ?? 512,
      showsGarbage: options.showsGarbage ?? false,
      capacityBytes: options.capacityBytes ?? Infinity,
      recordsCallSites: options.recordsCallSites ?? false,
    };
    this.capacityBytes = this.options.capacityBytes;
    const random = new SeededRandom(this.options.seed);
    this.#tree = tree;
    this.#engine = new CallEngine(random.fork(), this.options.recordsCallSites);
    this.surgery = new DiskSurgery(tree);
    this.#host = {
      engine: this.#engine,
      random,
      bytesThatFit: (file, position, bytes) => this.#bytesThatFit(file, position, bytes),
      handleClosed: (file) => {
        this.#open.delete(file);
      },
    };
  }

  // ---- The interface of vfs -----------------------------------------------------------------

  open(path: string, mode: OpenMode): Promise<File> {
    const name = baseName(path);
    const node = mode === 'create' ? new FileNode() : undefined;
    return this.#engine.call({
      operation: 'open',
      path,
      isMutation: mode === 'create',
      run: () => {
        const directory = this.#tree.directory(parentOf(path), 'open', path);
        const found = directory.current.get(name);
        if (node !== undefined) {
          if (found !== undefined) throw simulatedError('exists', 'open', path);
          directory.link(name, node);
          return this.#handle(path, node, mode);
        }
        if (found === undefined) throw simulatedError('not-found', 'open', path);
        if (found.kind === 'directory') throw simulatedError('is-a-directory', 'open', path);
        return this.#handle(path, found, mode);
      },
      effects: () => (node === undefined ? [] : this.#nameEffect(path, { kind: 'link', node })),
    });
  }

  unlink(path: string): Promise<void> {
    return this.#engine.call({
      operation: 'unlink',
      path,
      run: () => {
        const directory = this.#tree.directory(parentOf(path), 'unlink', path);
        const found = directory.current.get(baseName(path));
        if (found === undefined) throw simulatedError('not-found', 'unlink', path);
        if (found.kind === 'directory') throw simulatedError('is-a-directory', 'unlink', path);
        directory.unlink(baseName(path));
      },
      effects: () => this.#nameEffect(path, { kind: 'unlink' }),
    });
  }

  async rename(from: string, to: string): Promise<void> {
    if (parentOf(from) !== parentOf(to)) {
      throw new RangeError(`rename ${from} to ${to}: not within one directory`);
    }
    const target = baseName(to);
    await this.#engine.call({
      operation: 'rename',
      path: from,
      run: () => {
        const directory = this.#tree.directory(parentOf(from), 'rename', from);
        const node = directory.current.get(baseName(from));
        const replaced = directory.current.get(target);
        if (node === undefined) throw simulatedError('not-found', 'rename', from);
        if (replaced?.kind === 'directory') throw simulatedError('is-a-directory', 'rename', from);
        if (node !== replaced) directory.rename(baseName(from), target);
      },
      effects: () => this.#nameEffect(from, { kind: 'rename', to: target }),
    });
  }

  makeDirectory(path: string): Promise<void> {
    return this.#engine.call({
      operation: 'mkdir',
      path,
      run: () => {
        this.#tree.makeDirectory(path);
      },
      effects: () => this.#tree.missingDirectories(path),
    });
  }

  removeDirectory(path: string): Promise<void> {
    return this.#engine.call({
      operation: 'rmdir',
      path,
      run: () => {
        const directory = this.#tree.directory(path, 'rmdir', path);
        if (directory.current.size > 0) throw simulatedError('not-empty', 'rmdir', path);
        this.#tree.directory(parentOf(path), 'rmdir', path).unlink(baseName(path));
      },
      effects: () => {
        const empty = this.#tree.directoryIfAny(path)?.current.size === 0;
        return empty ? this.#nameEffect(path, { kind: 'unlink' }) : [];
      },
    });
  }

  list(path: string): Promise<DirectoryEntry[]> {
    return this.#engine.call({
      operation: 'list',
      path,
      run: () => {
        const directory = this.#tree.directory(path, 'list', path);
        return [...directory.current]
          .map(([name, node]): DirectoryEntry => ({ name, kind: node.kind }))
          .sort((a, b) => (a.name < b.name ? -1 : 1));
      },
    });
  }

  kindOf(path: string): Promise<EntryKind | undefined> {
    return this.#engine.call({
      operation: 'stat',
      path,
      run: () => this.#tree.find(path, 'stat', path)?.kind,
    });
  }

  foreignLock(path: string): Promise<string | undefined> {
    return this.#engine.call({
      operation: 'stat',
      path,
      run: () => this.foreignLocks.get(path),
    });
  }

  async syncDirectory(path: string): Promise<void> {
    // The sync covers what has taken effect by now, not a rename that is still in flight.
    const upTo = this.#tree.directoryIfAny(path)?.sequence ?? 0;
    await this.#engine.call({
      operation: 'open-directory',
      path,
      run: () => this.#tree.directory(path, 'open-directory', path),
    });
    await this.#engine.call({
      operation: 'sync-directory',
      path,
      run: (fault) => {
        const directory = this.#tree.directory(path, 'sync-directory', path);
        if (fault?.type === 'sync-error') {
          if (fault.pending !== 'kept') {
            const half = fault.pending === 'half-written';
            directory.dropPending(upTo, () => half && this.#host.random.chance(0.5));
          }
          throw simulatedError(fault.kind ?? 'io', 'sync-directory', path);
        }
        directory.sync(upTo);
      },
    });
  }

  lock(path: string): Promise<DirectoryLock> {
    return this.#engine.call({
      operation: 'lock',
      path,
      run: () => {
        const directory = this.#tree.directory(path, 'lock', path);
        if (this.#locks.has(directory)) {
          throw simulatedError('locked', 'lock', path, 'held by this process');
        }
        const calls = {
          confirm: (confirming: () => void) =>
            this.#engine.call({ operation: 'lock', path, run: confirming }),
          release: () => this.#unlock(path, directory, lock),
        };
        const lock: SimulatedLock = new SimulatedLock(path, calls, this.#silent.delete(directory));
        this.#locks.set(directory, lock);
        // The lock file is durable at once, because nothing depends on it.
        directory.link(LOCK_NAME, new FileNode());
        directory.settle(LOCK_NAME);
        return lock;
      },
    });
  }

  /**
   * Makes the owner of a lock appear silent for longer than others wait before they take over. The
   * lock is not fresh until it is confirmed.
   */
  stallLock(path: string): void {
    this.#lockOf(path).stall();
  }

  /**
   * Takes a lock away from its owner, as if the lock file had been removed or another process had
   * taken over. Another owner may take it from now on. The former owner learns of it at its next
   * confirmation, or when `lock.noticeLoss` is called, as a heartbeat would. Returns the lock that
   * was taken away.
   */
  takeLockAway(path: string): SimulatedLock {
    const lock = this.#lockOf(path);
    const directory = this.#tree.directory(path, 'lock', path);
    this.#locks.delete(directory);
    this.#silent.add(directory);
    lock.takeAway();
    return lock;
  }

  #lockOf(path: string): SimulatedLock {
    const lock = this.#locks.get(this.#tree.directory(path, 'lock', path));
    if (lock === undefined) throw new RangeError(`nobody holds the lock of ${path}`);
    return lock;
  }

  async #unlock(path: string, directory: DirectoryNode, lock: SimulatedLock): Promise<void> {
    if (this.#locks.get(directory) !== lock) return;
    await this.#engine.call({
      operation: 'unlock',
      path,
      run: () => {
        directory.unlink(LOCK_NAME);
        directory.settle(LOCK_NAME);
      },
      always: () => {
        this.#locks.delete(directory);
      },
    });
  }

  // ---- Faults and stops ---------------------------------------------------------------------

  /** Adds a fault rule. */
  inject(rule: FaultRule): InjectedFault {
    return this.#engine.inject(rule);
  }

  /** Stops the world at the n-th call, counted from 1; that call is then in flight. */
  stopAtCall(number: number): void {
    this.#engine.stopWhen((call) => call.number >= number);
  }

  /** Stops the world at the n-th call that changes or syncs something. */
  stopAtMutation(number: number): void {
    this.#engine.stopWhen((_call, mutations) => mutations >= number);
  }

  /** Stops the world at the first call that fulfils the condition. */
  stopWhen(condition: (call: CallRecord) => boolean): void {
    this.#engine.stopWhen(condition);
  }

  /** Stops the world now. */
  stop(): void {
    this.#engine.stop();
  }

  /** Whether the world has stopped. Results of code that still runs are then meaningless. */
  get stopped(): boolean {
    return this.#engine.stopped;
  }

  /** Resolves when the world stops. */
  get whenStopped(): Promise<void> {
    return this.#engine.whenStopped;
  }

  /**
   * From now on each asynchronous call waits until the schedule of the test releases it
   * (`runScheduled`).
   */
  hold(): void {
    this.#engine.hold();
  }

  /** The calls that are held now, in the order in which they were made. */
  get heldCalls(): readonly HeldCall[] {
    return this.#engine.held;
  }

  /** Lets a call that is held take effect now. */
  letGo(call: HeldCall): void {
    this.#engine.letGo(call);
  }

  /**
   * A step of a caller, which the schedule orders as it does a call. Without `hold` it passes at
   * once.
   */
  step(what: string): Promise<void> {
    return this.#engine.step(what);
  }

  // ---- Disks after a crash ------------------------------------------------------------------

  /** The choices of a power cut at this moment. Stops the world unless `goesOn` is set. */
  crashPlan(goesOn = false): CrashPlan {
    if (!goesOn) this.stop();
    const { tree, effects } = this.#tree.clone(this.#engine.effects());
    for (const effect of effects) addPending(effect);
    return new CrashPlan(tree, this.options);
  }

  /** A disk after a power cut that lost any part of the unsynced changes. Stops the world. */
  crash(seed: number): SimulatedDisk {
    const random = new SeededRandom(mixSeeds(this.options.seed, seed));
    const plan = this.crashPlan();
    return this.#successor(plan.apply(plan.sample(random), random), seed);
  }

  /**
   * The disk after the process was killed. Everything that was written is there, still unsynced. A
   * call in flight has happened or not; a write may have happened in part. Stops the world unless
   * `goesOn` is set.
   */
  kill(seed: number, goesOn = false): SimulatedDisk {
    if (!goesOn) this.stop();
    const random = new SeededRandom(mixSeeds(this.options.seed, seed));
    const { tree, effects } = this.#tree.clone(this.#engine.effects());
    for (const effect of effects) if (random.chance(0.5)) finish(effect, random);
    return this.#successor(tree, seed);
  }

  /** A disk with a tree that a crash plan of this disk made. */
  successor(tree: DiskTree, seed: number): SimulatedDisk {
    return this.#successor(tree, seed);
  }

  // ---- Records of calls ---------------------------------------------------------------------

  /** All calls so far. */
  get calls(): readonly CallRecord[] {
    return this.#engine.records;
  }

  /** The number of calls so far that changed or synced something. */
  get mutationCount(): number {
    return this.#engine.mutationCount;
  }

  /** Calls and injected faults by position in the source, if `recordsCallSites` is set. */
  get callSites(): ReadonlyMap<string, Readonly<CallSite>> {
    return this.#engine.sites;
  }

  /** The paths of the open files; empty after everything was closed. */
  get openPaths(): string[] {
    return [...this.#open].map((file) => file.path);
  }

  /** One line per call. */
  trace(): string {
    return formatTrace(this.#engine.records);
  }

  #successor(tree: DiskTree, seed: number): SimulatedDisk {
    return new SimulatedDisk({ ...this.options, seed: mixSeeds(this.options.seed, seed, 1) }, tree);
  }

  #handle(path: string, node: FileNode, mode: OpenMode): SimulatedFile {
    const file = new SimulatedFile(path, node, mode, this.#host);
    this.#open.add(file);
    return file;
  }

  #nameEffect(
    path: string,
    change: { kind: 'link'; node: FileNode } | { kind: 'unlink' } | { kind: 'rename'; to: string },
  ): PossibleEffect[] {
    const directory = this.#tree.directoryIfAny(parentOf(path));
    if (directory === undefined) return [];
    const name = baseName(path);
    // A call that would have failed has no effect.
    if (directory.current.has(name) === (change.kind === 'link')) return [];
    return [{ kind: 'names', directory, change: { ...change, name, sequence: 0 } }];
  }

  #bytesThatFit(file: FileNode, position: number, bytes: number): number {
    if (this.capacityBytes === Infinity) return bytes;
    const files = this.#tree.files();
    for (const handle of this.#open) files.add(handle.node);
    let pages = Math.floor(this.capacityBytes / PAGE_BYTES);
    for (const each of files) pages -= each.current.pageCount;
    for (let at = position; at < position + bytes; at += PAGE_BYTES - (at % PAGE_BYTES)) {
      if (file.current.hasPage(Math.floor(at / PAGE_BYTES))) continue;
      pages -= 1;
      if (pages < 0) return at - position;
    }
    return bytes;
  }
}

/** Adds the possible effect of a call in flight to the unsynced changes. */
function addPending(effect: PossibleEffect): void {
  if (effect.kind === 'write') effect.file.addPendingWrite(effect.data, effect.position);
  else if (effect.kind === 'truncate') effect.file.addPendingTruncation(effect.bytes);
  else effect.directory.addPending(effect.change);
}

/** Performs a call in flight. A write may end at any page boundary of the file. */
function finish(effect: PossibleEffect, random: SeededRandom): void {
  if (effect.kind === 'write') {
    const { file, data, position } = effect;
    const firstPage = Math.floor(position / PAGE_BYTES);
    const pages = Math.ceil((position + data.length) / PAGE_BYTES) - firstPage;
    const end = (firstPage + random.below(pages + 1)) * PAGE_BYTES;
    const bytes = random.chance(0.5) ? data.length : Math.max(0, end - position);
    file.write(data.subarray(0, bytes), position);
  } else if (effect.kind === 'truncate') effect.file.truncate(effect.bytes);
  else effect.directory.make(effect.change);
}
