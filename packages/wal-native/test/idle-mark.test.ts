import { describe, expect, it } from 'vitest';
import { simulatedEnvironment, turnOfEventLoop } from '@babuza/testkit';
import type { File, FileSystem, OpenMode } from '@babuza/vfs';
import { NativeWalManager } from '../src/index.ts';

/**
 * A disk whose durable writes have taken their data, and wait until the test lets them continue.
 */
class SlowDisk implements Pick<FileSystem, 'open'> {
  readonly #disk: FileSystem;
  #gate: Promise<void> | undefined;
  #open: (() => void) | undefined;

  constructor(disk: FileSystem) {
    this.#disk = disk;
  }

  hold(): void {
    this.#gate = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  letGo(): void {
    this.#gate = undefined;
    this.#open?.();
  }

  async open(path: string, mode: OpenMode): Promise<File> {
    const file = await this.#disk.open(path, mode);
    const wait = (): Promise<void> => this.#gate ?? Promise.resolve();
    return new Proxy(file, {
      get(target, name) {
        if (name === 'writeDurable') {
          return async (parts: readonly Uint8Array[], position: number) => {
            await wait();
            // Writes the current content of the buffers, which must be unchanged since the call.
            await target.writeDurable(parts, position);
          };
        }
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }
}

describe('the mark of an idle log', () => {
  it('is not written while a write is in flight for longer than the idle time', async () => {
    const environment = simulatedEnvironment(3);
    const slow = new SlowDisk(environment.fileSystem);
    const fileSystem = new Proxy<FileSystem>(environment.fileSystem, {
      get(target, name) {
        if (name === 'open') return slow.open.bind(slow);
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const options = { segmentBytes: 32 * 1024, environment: { ...environment, fileSystem } };
    const manager = new NativeWalManager('/log', options);
    const { wal } = await manager.createWal({ clusterId: 1, nodeId: 1 });
    const entry = (index: number) => ({
      index,
      term: 1,
      type: 0 as const,
      data: new Uint8Array(100).fill(index),
    });
    await wal.save({ hardState: { term: 1, vote: 1n, commit: 0 }, entries: [entry(1)] });
    slow.hold();
    const saving = wal.save({ entries: [entry(2)] });
    await turnOfEventLoop();
    await environment.clock.advance(10_000);
    slow.letGo();
    await saving;
    await environment.clock.advance(10_000);
    await wal.save({ entries: [entry(3)] });
    await manager.close();

    const reopened = await new NativeWalManager('/log', options).replayWal();
    expect(reopened.tail.verdict).toBe('clean');
    expect(reopened.storage.entries(1, 4, Infinity)).toEqual([entry(1), entry(2), entry(3)]);
  });

  it('lets a later recovery refuse damage to entries acknowledged before the log was idle', async () => {
    const environment = simulatedEnvironment(4);
    const manager = new NativeWalManager('/log', { segmentBytes: 32 * 1024, environment });
    const { wal } = await manager.createWal({ clusterId: 1, nodeId: 1 });
    const data = new Uint8Array(2000).fill(1);
    await wal.save({ entries: [{ index: 1, term: 1, type: 0, data }] });
    await environment.clock.advance(60);
    const killed = environment.fileSystem.kill(1);
    const [file] = killed.surgery.files().filter((path) => path.endsWith('.wal'));
    killed.surgery.flipBit(file ?? '', 8 * 9500);
    const again = new NativeWalManager('/log', { environment: simulatedEnvironment(5, killed) });
    await expect(again.replayWal()).rejects.toMatchObject({
      code: 'WAL_CORRUPT',
      verdict: 'corrupt-durable',
      firstIndex: 1,
      lastIndex: 1,
    });
  });
});
