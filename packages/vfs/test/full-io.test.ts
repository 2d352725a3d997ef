/** The loops that continue short and interrupted calls of the platform. */
import { describe, expect, it } from 'vitest';
import { readFully, readFullySync, writeFully, writeFullySync } from '../src/full-io.ts';
import type { RawIo } from '../src/full-io.ts';

/** One scripted call: the most bytes that it moves, or the code of its failure. */
type Step = number | string;

/**
 * A file in memory whose calls follow a script. After the end of the script each call moves all
 * bytes.
 */
class ScriptedIo implements RawIo {
  readonly stored: number[] = [];
  readonly calls: string[] = [];
  #script: Step[];

  constructor(script: Step[], stored: number[] = []) {
    this.#script = script.slice();
    this.stored.push(...stored);
  }

  readSync(_fd: number, to: Uint8Array, at: number, bytes: number, position: number): number {
    this.calls.push(`read ${position}+${bytes}`);
    const moved = Math.min(this.#next(bytes), Math.max(0, this.stored.length - position));
    to.set(this.stored.slice(position, position + moved), at);
    return moved;
  }

  writeSync(_fd: number, data: Uint8Array, at: number, bytes: number, position: number): number {
    this.calls.push(`write ${position}+${bytes}`);
    return this.#store([...data.subarray(at, at + bytes)], position);
  }

  writevSync(_fd: number, parts: readonly Uint8Array[], position: number): number {
    this.calls.push(`writev ${position} ${parts.length} parts`);
    expect(parts.length).toBeLessThanOrEqual(1024);
    return this.#store(
      parts.flatMap((part) => [...part]),
      position,
    );
  }

  read(...[fd, to, at, bytes, position, done]: Parameters<RawIo['read']>): void {
    this.#later(() => this.readSync(fd, to, at, bytes, position), done);
  }

  write(...[fd, data, at, bytes, position, done]: Parameters<RawIo['write']>): void {
    this.#later(() => this.writeSync(fd, data, at, bytes, position), done);
  }

  writev(...[fd, parts, position, done]: Parameters<RawIo['writev']>): void {
    this.#later(() => this.writevSync(fd, parts, position), done);
  }

  #store(values: number[], position: number): number {
    const moved = this.#next(values.length);
    for (let index = 0; index < moved; index += 1) {
      this.stored[position + index] = values[index] ?? 0;
    }
    return moved;
  }

  #next(bytes: number): number {
    const step = this.#script.shift() ?? bytes;
    if (typeof step === 'string') throw Object.assign(new Error(step), { code: step });
    return Math.min(step, bytes);
  }

  #later(call: () => number, done: Parameters<RawIo['writev']>[3]): void {
    setImmediate(() => {
      let moved: number;
      try {
        moved = call();
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)), 0);
        return;
      }
      done(null, moved);
    });
  }
}

const data = Uint8Array.from({ length: 10 }, (_, index) => index + 1);

describe.each([
  [
    'asynchronous',
    (io: RawIo, parts: Uint8Array[], at: number) => writeFully(3, parts, at, io),
    (io: RawIo, to: Uint8Array, at: number) => readFully(3, to, at, io),
  ],
  [
    'synchronous',
    async (io: RawIo, parts: Uint8Array[], at: number) => writeFullySync(3, parts, at, io),
    async (io: RawIo, to: Uint8Array, at: number) => readFullySync(3, to, at, io),
  ],
])('%s loops', (_name, write, read) => {
  it('continue short writes where they ended', async () => {
    const io = new ScriptedIo([3, 1, 0, 4]);
    await write(io, [data], 2);
    expect(io.stored.slice(2)).toEqual([...data]);
    expect(io.calls).toEqual(['write 2+10', 'write 5+7', 'write 6+6', 'write 6+6', 'write 10+2']);
  });

  it('continue short writes of parts, even in the middle of a part', async () => {
    const io = new ScriptedIo([2, 1, 4]);
    const parts = [data.subarray(0, 2), data.subarray(2, 2), data.subarray(2, 9), data.subarray(9)];
    await write(io, parts, 0);
    expect(io.stored).toEqual([...data]);
    expect(io.calls).toEqual([
      'writev 0 3 parts',
      'writev 2 2 parts',
      'writev 3 2 parts',
      'writev 7 2 parts',
    ]);
  });

  it('go on after interruptions', async () => {
    const io = new ScriptedIo(['EINTR', 4, 'EAGAIN', 'EINTR', 4, 'EINTR']);
    await write(io, [data], 0);
    expect(io.stored).toEqual([...data]);
    const target = new Uint8Array(10);
    expect(await read(new ScriptedIo(['EINTR', 4, 'EAGAIN'], [...data]), target, 0)).toBe(10);
    expect(target).toEqual(data);
  });

  it('reject with the error and keep the bytes that were written before', async () => {
    const io = new ScriptedIo([4, 'ENOSPC']);
    await expect(write(io, [data], 0)).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(io.stored).toEqual([1, 2, 3, 4]);
    await expect(
      read(new ScriptedIo([4, 'EIO'], [...data]), data.slice(), 0),
    ).rejects.toMatchObject({ code: 'EIO' });
  });

  it('fail after many calls that move no byte', async () => {
    const zeros = Array.from({ length: 1000 }, () => 0);
    await expect(write(new ScriptedIo(zeros), [data], 0)).rejects.toThrow('no byte was moved');
    const interrupted = Array.from({ length: 1000 }, () => 'EINTR');
    await expect(write(new ScriptedIo(interrupted), [data], 0)).rejects.toThrow('EINTR');
  });

  it('end a read at the end of the file', async () => {
    const io = new ScriptedIo([3], [...data]);
    const target = new Uint8Array(20);
    expect(await read(io, target, 4)).toBe(6);
    expect([...target.subarray(0, 7)]).toEqual([5, 6, 7, 8, 9, 10, 0]);
    expect(io.calls).toEqual(['read 4+20', 'read 7+17', 'read 10+14']);
  });

  it('make no call to write nothing', async () => {
    const io = new ScriptedIo([]);
    await write(io, [], 0);
    await write(io, [new Uint8Array(0)], 0);
    expect(io.calls).toEqual([]);
  });

  it('split many parts into calls within the limits of the platform', async () => {
    const io = new ScriptedIo([]);
    const parts = Array.from({ length: 2500 }, (_, index) => Uint8Array.of(index));
    await write(io, parts, 0);
    expect(io.stored).toEqual(parts.map((part) => part[0]));
    expect(io.calls).toHaveLength(3);
  });
});
