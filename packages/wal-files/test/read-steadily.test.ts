/** Apparent damage while a log is being written, and real damage. */
import { describe, expect, it } from 'vitest';
import { runWorkload, simulatedEnvironment } from '@babuza/testkit';
import { FileError } from '@babuza/vfs';
import { CorruptError, ForeignFileError, ReadFailedError, type TailReport } from '@babuza/wal-core';
import { readSteadily } from '../src/index.ts';

interface Sight {
  readonly tail: TailReport;
  readonly value: string;
}

const clean: TailReport = { verdict: 'clean', bytesDropped: 0 };
const torn = (offset: number, file = 'a'): TailReport => ({
  verdict: 'torn',
  bytesDropped: 1,
  file,
  offset,
});
const corrupt = (offset: number, verdict = 'checksum'): CorruptError =>
  new CorruptError('damage', { groupId: 0n, file: 'a', offset, verdict });

/** Reads a log that has these states one after the other; the last one stays. */
async function read(
  ...sights: readonly (Sight | Error)[]
): Promise<{ outcome: unknown; looks: number; ms: number }> {
  const environment = simulatedEnvironment(1);
  let looks = 0;
  const look = (): Promise<Sight> => {
    const sight = sights[Math.min(looks, sights.length - 1)];
    looks += 1;
    return sight instanceof Error || sight === undefined
      ? Promise.reject(sight ?? new Error('nothing to see'))
      : Promise.resolve(sight);
  };
  const run = await runWorkload(environment, () =>
    readSteadily(environment.clock, look).catch((error: unknown) => error),
  );
  if (run.outcome !== 'finished') throw new Error('it did not end');
  return { outcome: run.value, looks, ms: environment.clock.monotonicMs() };
}

describe('reading steadily', () => {
  it('returns a clean log at once', async () => {
    expect(await read({ tail: clean, value: 'x' })).toEqual({ outcome: 'x', looks: 1, ms: 0 });
  });

  it('reads again after apparent damage, until the log is clean', async () => {
    const seen = await read(
      { tail: torn(5), value: 'old' },
      corrupt(5),
      new FileError('not-found', 'open', '/a'),
      new ForeignFileError('/a', 'of another log'),
      { tail: clean, value: 'new' },
    );
    expect(seen).toEqual({ outcome: 'new', looks: 5, ms: 160 });
  });

  it('returns a torn tail that is the same in four reads', async () => {
    const tail = torn(5);
    const seen = await read({ tail: torn(4), value: 'first' }, { tail, value: 'x' });
    expect(seen).toEqual({ outcome: 'x', looks: 5, ms: 160 });
  });

  it.each([
    ['damage', corrupt(5)],
    ['a file that is gone', new FileError('not-found', 'open', '/a')],
    ['a file of somebody else', new ForeignFileError('/a', 'of another log')],
  ])('reports %s that is the same in four reads', async (_, error) => {
    expect(await read({ tail: torn(5), value: 'x' }, error)).toEqual({
      outcome: error,
      looks: 5,
      ms: 160,
    });
  });

  it('counts from the beginning when the damage changes', async () => {
    const differing = [
      corrupt(5),
      corrupt(5),
      corrupt(5),
      corrupt(6),
      corrupt(6, 'other'),
      corrupt(6),
    ];
    const seen = await read(...differing, { tail: clean, value: 'x' });
    expect(seen).toMatchObject({ outcome: 'x', looks: 7 });
    const files = await read(
      { tail: torn(5, 'a'), value: 'a' },
      { tail: torn(5, 'b'), value: 'b' },
    );
    expect(files).toMatchObject({ outcome: 'b', looks: 5 });
  });

  it('gives up after a hundred reads of a log that keeps changing', async () => {
    const sights = Array.from({ length: 200 }, (_, at) => ({ tail: torn(at), value: `${at}` }));
    expect(await read(...sights)).toEqual({ outcome: '99', looks: 100, ms: 99 * 40 });
    const errors = Array.from({ length: 200 }, (_, at) => corrupt(at));
    expect(await read(...errors)).toEqual({ outcome: errors[99], looks: 100, ms: 99 * 40 });
  });

  it.each([
    new FileError('io', 'read', '/a'),
    new FileError('permission', 'open', '/a'),
    new ReadFailedError('the disk would not read'),
    new TypeError('a bug'),
  ])('does not read again after an error that another read cannot change: %s', async (error) => {
    expect(await read(error)).toEqual({ outcome: error, looks: 1, ms: 0 });
  });
});
