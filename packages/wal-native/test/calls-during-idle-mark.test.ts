/**
 * Calls while the write of an idle mark is in flight. Nothing may be written at its offset before
 * that write has ended, because the mark could overwrite it.
 */
import { describe, expect, it } from 'vitest';
import { runWorkload, simulatedEnvironment, turnOfEventLoop } from '@babuza/testkit';
import type { Environment, File, FileSystem } from '@babuza/vfs';
import type { Wal, WalManager } from '@babuza/wal-core';
import { allEntries, entriesOf } from './support/damaged-log.ts';
import { metadata, openManager } from './support/workload.ts';

/** Delays writes without a sync to segments, from the call of `hold` on. */
class HeldWrites {
  #gate: Promise<void> | undefined;
  #open: (() => void) | undefined;
  held = 0;

  hold(): void {
    this.#gate = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  letGo(): void {
    this.#gate = undefined;
    this.#open?.();
  }

  above(fileSystem: FileSystem): FileSystem {
    return replaced(fileSystem, {
      open: async (path: string, mode: Parameters<FileSystem['open']>[1]) => {
        const file: File = await fileSystem.open(path, mode);
        return replaced(file, {
          write: async (data: Uint8Array, position: number) => {
            const handedOver = new Uint8Array(data);
            // The pieces of a spare file that is being filled are larger.
            if (this.#gate !== undefined && data.length < 4096) {
              this.held += 1;
              await this.#gate;
            }
            await file.write(handedOver, position);
          },
        });
      },
    });
  }
}

/** The object with some of its methods replaced. */
function replaced<Target extends object>(target: Target, methods: Partial<Target>): Target {
  return new Proxy(target, {
    get(object, name) {
      const own: unknown = Reflect.get(methods, name) ?? Reflect.get(object, name, object);
      return typeof own === 'function' ? own.bind(object) : own;
    },
  });
}

interface IdleLog {
  readonly manager: WalManager;
  readonly wal: Wal;
  readonly writes: HeldWrites;
}

/** Runs `work` while the write of an idle mark is in flight, and opens the log again. */
async function besideTheMark(
  inline: boolean,
  work: (log: IdleLog) => Promise<void>,
): Promise<number> {
  const simulated = simulatedEnvironment(3);
  const writes = new HeldWrites();
  const fileSystem = writes.above(simulated.fileSystem);
  const environment: Environment = { ...simulated, fileSystem };
  const manager = openManager(environment, { inline });
  const { wal } = await manager.createWal(metadata);
  await wal.save({ entries: entriesOf(1, 3) });
  writes.hold();
  await simulated.clock.advance(200);
  expect(writes.held, 'the mark is in flight').toBe(1);
  await work({ manager, wal, writes });
  const after = simulatedEnvironment(4, simulated.fileSystem.kill(1));
  let last = 0;
  await runWorkload(after, async () => {
    const opened = await openManager(after).replayWal();
    expect(opened.tail.verdict).toBe('clean');
    last = opened.storage.lastIndex();
    expect(allEntries(opened)).toEqual(entriesOf(1, last));
  });
  return last;
}

/** Whether a call has ended once all pending work that can run has run. */
async function hasEnded(call: Promise<unknown>): Promise<boolean> {
  let ended = false;
  call.then(
    () => (ended = true),
    () => (ended = true),
  );
  for (let turns = 0; turns < 20; turns += 1) await turnOfEventLoop();
  return ended;
}

describe('while the mark of an idle log is in flight', () => {
  for (const inline of [false, true]) {
    it(`a save waits for it, inline ${inline}`, async () => {
      const last = await besideTheMark(inline, async ({ wal, writes }) => {
        const saving = wal.save({ entries: entriesOf(4, 6) });
        expect(await hasEnded(saving)).toBe(false);
        writes.letGo();
        await saving;
        await wal.save({ entries: entriesOf(7, 9) });
      });
      expect(last).toBe(9);
    });

    it(`a close waits for it, because it releases the lock, inline ${inline}`, async () => {
      await besideTheMark(inline, async ({ manager, writes }) => {
        const closing = manager.close();
        expect(await hasEnded(closing)).toBe(false);
        writes.letGo();
        await closing;
      });
    });
  }
});

it('a poisoned log writes no mark', async () => {
  const environment = simulatedEnvironment(5);
  const disk = environment.fileSystem;
  await runWorkload(environment, async () => {
    const { wal } = await openManager(environment).createWal(metadata);
    await wal.save({ entries: entriesOf(1, 3) });
    disk.inject({ on: 'write-durable', fault: { type: 'error', kind: 'io' } });
    await expect(wal.save({ entries: entriesOf(4, 6) })).rejects.toMatchObject({
      code: 'WAL_POISONED',
    });
    const before = disk.mutationCount;
    await environment.clock.advance(60_000);
    expect(disk.mutationCount).toBe(before);
    expect(environment.clock.pendingCount, 'timers').toBe(0);
  });
});
