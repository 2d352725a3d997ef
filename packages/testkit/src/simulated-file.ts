/** An open file of the simulated disk. */
import type { File, FileOperation, OpenMode } from '@babuza/vfs';
import type { CallEngine, PossibleEffect, PlannedCall } from './call-engine.ts';
import { simulatedError } from './fault-rules.ts';
import type { Fault } from './fault-rules.ts';
import { SECTOR_BYTES } from './simulated-node.ts';
import type { FileNode } from './simulated-node.ts';
import type { SeededRandom } from './seeded-random.ts';

/** The services that a file needs from its disk. */
export interface FileHost {
  readonly engine: CallEngine;
  readonly random: SeededRandom;
  /** How many of these bytes fit on the disk from `position` on. */
  bytesThatFit(file: FileNode, position: number, bytes: number): number;
  /** Tells the disk that the handle is closed. */
  handleClosed(file: SimulatedFile): void;
}

/** The bytes that a call in flight touches. */
interface Claim {
  readonly start: number;
  readonly end: number;
  readonly writes: boolean;
}

/** The claims of all handles of a file: calls in flight conflict by bytes, not by handle. */
const claimsOf = new WeakMap<FileNode, Set<Claim>>();

/** A handle of a simulated file. It also checks that the caller keeps the rules of `File`. */
export class SimulatedFile implements File {
  readonly path: string;
  readonly node: FileNode;
  readonly #mode: OpenMode;
  readonly #host: FileHost;
  #closed = false;

  constructor(path: string, node: FileNode, mode: OpenMode, host: FileHost) {
    this.path = path;
    this.node = node;
    this.#mode = mode;
    this.#host = host;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    const planned = this.#plannedRead(target, position);
    return await this.#claimed(planned, position, position + target.length, false);
  }

  readSync(target: Uint8Array, position: number): number {
    return this.#host.engine.callSync(this.#plannedRead(target, position));
  }

  async write(data: Uint8Array, position: number): Promise<void> {
    const planned = this.#plannedWrite('write', [data], position);
    await this.#claimed(planned, position, position + data.length, true);
  }

  writeSync(data: Uint8Array, position: number): void {
    this.#host.engine.callSync(this.#plannedWrite('write', [data], position));
  }

  async writeDurable(parts: readonly Uint8Array[], position: number): Promise<void> {
    const planned = this.#plannedWrite('write-durable', parts, position);
    await this.#claimed(planned, position, position + (planned.bytes ?? 0), true);
  }

  writeDurableSync(parts: readonly Uint8Array[], position: number): void {
    this.#host.engine.callSync(this.#plannedWrite('write-durable', parts, position));
  }

  async datasync(): Promise<void> {
    await this.#host.engine.call(this.#plannedSync());
  }

  datasyncSync(): void {
    this.#host.engine.callSync(this.#plannedSync());
  }

  async truncate(bytes: number): Promise<void> {
    this.#assertUsable('truncate', bytes);
    const effect: PossibleEffect = { kind: 'truncate', file: this.node, bytes };
    const planned: PlannedCall<void> = {
      operation: 'truncate',
      path: this.path,
      bytes,
      run: () => {
        this.node.truncate(bytes);
      },
      effects: () => [effect],
    };
    await this.#claimed(planned, Math.min(bytes, this.node.current.size), Infinity, true);
  }

  async size(): Promise<number> {
    this.#assertUsable('size', 0);
    return await this.#host.engine.call({
      operation: 'size',
      path: this.path,
      run: () => this.node.current.size,
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#host.engine.call({
      operation: 'close',
      path: this.path,
      run: () => {},
      always: () => {
        this.#host.handleClosed(this);
      },
    });
  }

  #plannedRead(target: Uint8Array, position: number): PlannedCall<number> {
    this.#assertUsable('read', position);
    const bytes = target.length;
    return {
      operation: 'read',
      path: this.path,
      position,
      bytes,
      run: () => {
        const end = Math.min(position + bytes, this.node.current.size);
        for (const sector of this.node.unreadable) {
          const start = sector * SECTOR_BYTES;
          if (start < end && start + SECTOR_BYTES > position) {
            throw simulatedError('io', 'read', this.path);
          }
        }
        return this.node.current.read(target, position);
      },
    };
  }

  #plannedWrite(
    operation: 'write' | 'write-durable',
    parts: readonly Uint8Array[],
    position: number,
  ): PlannedCall<void> & { readonly bytes: number } {
    this.#assertUsable(operation, position);
    const data = joined(parts);
    const effect: PossibleEffect = { kind: 'write', file: this.node, data, position };
    return {
      operation,
      path: this.path,
      position,
      bytes: data.length,
      run: (fault) => {
        if (!isSame(data, parts)) {
          throw new Error(`${operation} ${this.path}: the data was changed while in flight`);
        }
        this.#write(operation, data, position, fault);
      },
      effects: () => [effect],
    };
  }

  #write(
    operation: 'write' | 'write-durable',
    data: Uint8Array,
    position: number,
    fault: Fault | undefined,
  ): void {
    if (fault?.type === 'lost-write') return;
    if (fault?.type === 'partial-write') {
      this.node.write(data.subarray(0, fault.bytes), position);
      throw simulatedError(fault.kind, operation, this.path);
    }
    const shift = fault?.type === 'misdirected-write' ? fault.byBytes : 0;
    const at = Math.max(0, position + shift);
    const fits = this.#host.bytesThatFit(this.node, at, data.length);
    if (fits < data.length) {
      this.node.write(data.subarray(0, fits), at);
      throw simulatedError('no-space', operation, this.path);
    }
    if (operation === 'write') this.node.write(data, at);
    else if (fault?.type === 'sync-error') {
      this.node.write(data, at);
      this.#failSync(operation, fault, this.node.sequence);
    } else this.node.writeDurable(data, at);
  }

  #plannedSync(): PlannedCall<void> {
    this.#assertUsable('datasync', 0);
    // The sync covers what has taken effect by now, not a write that is still in flight.
    const upTo = this.node.sequence;
    return {
      operation: 'datasync',
      path: this.path,
      run: (fault) => {
        if (fault?.type === 'sync-error') this.#failSync('datasync', fault, upTo);
        this.node.sync(upTo);
      },
    };
  }

  #failSync(
    operation: FileOperation,
    fault: Extract<Fault, { type: 'sync-error' }>,
    upTo: number,
  ): never {
    const { random } = this.#host;
    if (fault.pending !== 'kept') {
      const half = fault.pending === 'half-written';
      this.node.dropPending(upTo, () => half && random.chance(0.5));
    }
    throw simulatedError(fault.kind ?? 'io', operation, this.path);
  }

  /** Makes the call. Overlapping calls in flight on the same bytes are forbidden and throw. */
  async #claimed<T>(
    planned: PlannedCall<T>,
    start: number,
    end: number,
    writes: boolean,
  ): Promise<T> {
    const claims = claimsOf.get(this.node) ?? new Set();
    claimsOf.set(this.node, claims);
    for (const other of claims) {
      if (start < other.end && other.start < end && (writes || other.writes)) {
        throw new Error(
          `${planned.operation} ${this.path}: another call in flight uses these bytes`,
        );
      }
    }
    const claim = { start, end, writes };
    claims.add(claim);
    try {
      return await this.#host.engine.call(planned);
    } finally {
      claims.delete(claim);
    }
  }

  #assertUsable(operation: FileOperation, offset: number): void {
    if (this.#closed) throw simulatedError('closed', operation, this.path);
    const writes =
      operation === 'write' || operation === 'write-durable' || operation === 'truncate';
    if (writes && this.#mode === 'read') {
      throw simulatedError('permission', operation, this.path, 'opened for reading');
    }
    if (!Number.isSafeInteger(offset) || offset < 0) {
      throw new RangeError(`${operation} ${this.path}: ${offset} is not an offset`);
    }
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  let bytes = 0;
  for (const part of parts) bytes += part.length;
  const data = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return data;
}

function isSame(data: Uint8Array, parts: readonly Uint8Array[]): boolean {
  let at = 0;
  for (const part of parts) {
    if (Buffer.compare(data.subarray(at, at + part.length), part) !== 0) return false;
    at += part.length;
  }
  return true;
}
