/** Large snapshots: no step holds more than a few chunks in memory. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { nodeEnvironment, type File, type FileSystem, type OpenMode } from '@babuza/vfs';
import { describe, expect, it } from 'vitest';
import { DurableSnapshotManager } from '../src/index.ts';
import { metadataOf } from './support.ts';

const mebibyte = 1024 * 1024;
const totalBytes = 100 * mebibyte;

/** The largest call of the disk, and the number of calls under way. */
class Watched {
  callBytesMax = 0;
  callsMax = 0;
  #calls = 0;
  readonly fileSystem: FileSystem;

  constructor(below: FileSystem) {
    this.fileSystem = new Proxy(below, {
      get: (target, key) => {
        if (key === 'open') {
          return async (path: string, mode: OpenMode) => this.#watch(await target.open(path, mode));
        }
        const value: unknown = Reflect.get(target, key);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  #watch(file: File): File {
    const counted = async <T>(bytes: number, call: () => Promise<T>): Promise<T> => {
      this.callBytesMax = Math.max(this.callBytesMax, bytes);
      this.#calls += 1;
      this.callsMax = Math.max(this.callsMax, this.#calls);
      return await call().finally(() => {
        this.#calls -= 1;
      });
    };
    return new Proxy(file, {
      get: (target, key) => {
        if (key === 'read' || key === 'write') {
          return (data: Uint8Array, position: number) =>
            counted(data.length, async () => await target[key](data, position));
        }
        const value: unknown = Reflect.get(target, key);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }
}

describe('streaming', () => {
  it('of 100 MiB takes the memory of a few chunks for making, sending, receiving and reading', async () => {
    const directory = mkdtempSync(`${tmpdir()}/babuza-snapshot-`);
    const watched = new Watched(nodeEnvironment().fileSystem);
    const [from, to] = ['from', 'to'].map(
      (name) => new DurableSnapshotManager(`${directory}/${name}`, {}, watched),
    ) as [DurableSnapshotManager, DurableSnapshotManager];
    try {
      await Promise.all([from.open(1n), to.open(1n)]);
      let pulledBytes = 0;
      let arrayBytesMax = 0;
      const piece = new Uint8Array(mebibyte).fill(5);
      const source = function* (): Generator<Uint8Array> {
        while (pulledBytes < totalBytes) {
          pulledBytes += piece.length;
          arrayBytesMax = Math.max(arrayBytesMax, process.memoryUsage().arrayBuffers);
          yield piece;
        }
      };
      const made = await from.create(metadataOf(10), (writer) => writer.writeFile('a', source()));
      const sent = (async function* () {
        let sentBytes = 0;
        for await (const bytes of from.send(made.metadata)) {
          sentBytes += bytes.length;
          arrayBytesMax = Math.max(arrayBytesMax, process.memoryUsage().arrayBuffers);
          yield bytes;
        }
        expect(sentBytes).toBe(made.bytes);
      })();
      await to.receive(made.metadata, made.manifest, sent);
      await using open = await to.read(made.metadata);
      let readBytes = 0;
      for await (const bytes of open.readFile('a')) readBytes += bytes.length;
      expect(readBytes).toBe(totalBytes);
      expect(watched.callBytesMax).toBeLessThanOrEqual(mebibyte);
      expect(watched.callsMax).toBeLessThanOrEqual(2);
      // Most of this memory is garbage that was not collected yet.
      expect(arrayBytesMax).toBeLessThan(totalBytes * 0.75);
    } finally {
      await Promise.all([from.close(), to.close()]);
      rmSync(directory, { recursive: true });
    }
  });
});
