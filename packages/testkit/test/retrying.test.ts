/**
 * Calls on names are repeated when the system lacks a resource. Calls that store bytes are never
 * repeated.
 */
import { describe, expect, it } from 'vitest';
import { RetryingFileSystem, type FileErrorKind, type FileSystem } from '@babuza/vfs';
import { SimulatedDisk } from '../src/simulated-disk.ts';
import { SimulatedClock } from '../src/simulated-clock.ts';

const transient: readonly FileErrorKind[] = ['too-many-open', 'try-again', 'permission'];

async function diskWithFiles(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  await disk.makeDirectory('/empty');
  for (const path of ['/a', '/b']) await (await disk.open(path, 'create')).close();
  return disk;
}

const calls: Record<string, (files: FileSystem) => Promise<unknown>> = {
  open: async (files) => (await files.open('/a', 'read')).close(),
  unlink: (files) => files.unlink('/a'),
  rename: (files) => files.rename('/a', '/c'),
  mkdir: (files) => files.makeDirectory('/d/e'),
  rmdir: (files) => files.removeDirectory('/empty'),
  list: (files) => files.list('/'),
  stat: (files) => files.foreignLock('/a').then(() => files.kindOf('/a')),
  'open-directory': (files) => files.syncDirectory('/'),
  lock: async (files) => (await files.lock('/')).release(),
};

/** Lets more simulated time pass than all pauses together, and returns how the call has ended. */
async function ended(clock: SimulatedClock, call: Promise<unknown>): Promise<string> {
  const outcome = { text: 'still waiting' };
  call.then(
    () => (outcome.text = 'done'),
    (error: { kind?: string }) => (outcome.text = error.kind ?? 'an error without a kind'),
  );
  for (let turn = 0; turn < 50; turn += 1) await clock.advance(10);
  return outcome.text;
}

describe('a call for which the system lacks a resource', () => {
  for (const [on, call] of Object.entries(calls)) {
    it(`is repeated and succeeds: ${on}`, async () => {
      for (const kind of transient) {
        const clock = new SimulatedClock();
        const disk = await diskWithFiles();
        const files = new RetryingFileSystem(disk, clock);
        const fault = disk.inject({ on: on as 'open', fault: { type: 'error', kind } });
        expect(await ended(clock, call(files))).toBe('done');
        expect(fault.hits).toBe(1);
      }
    });

    it(`is made four times, then its error is thrown: ${on}`, async () => {
      const clock = new SimulatedClock();
      const disk = await diskWithFiles();
      const files = new RetryingFileSystem(disk, clock);
      const kind = 'too-many-open';
      const fault = disk.inject({ on: on as 'open', sticky: true, fault: { type: 'error', kind } });
      expect(await ended(clock, call(files))).toBe(kind);
      expect(fault.hits).toBe(4);
    });

    it(`is made once if the failure is not transient: ${on}`, async () => {
      for (const kind of ['io', 'not-found', 'access-denied', 'name-too-long'] as const) {
        const clock = new SimulatedClock();
        const disk = await diskWithFiles();
        const files = new RetryingFileSystem(disk, clock);
        const fault = disk.inject({
          on: on as 'open',
          sticky: true,
          fault: { type: 'error', kind },
        });
        expect(await ended(clock, call(files))).toBe(kind);
        expect(fault.hits).toBe(1);
      }
    });
  }

  it('is never a sync: a failed sync throws at once, whatever the reason', async () => {
    for (const kind of transient) {
      const clock = new SimulatedClock();
      const disk = await diskWithFiles();
      const files = new RetryingFileSystem(disk, clock);
      const fault = disk.inject({ on: 'sync-directory', fault: { type: 'error', kind } });
      expect(await ended(clock, files.syncDirectory('/'))).toBe(kind);
      expect(fault.hits).toBe(1);
    }
  });
});
