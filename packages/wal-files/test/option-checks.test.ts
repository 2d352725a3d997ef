import { describe, expect, it } from 'vitest';
import { defaultCacheLimits } from '@babuza/wal-core';
import { checkBoolean, checkedCacheLimits, checkInteger, checkOptionNames } from '../src/index.ts';

const invalid = (message: string | RegExp): object => ({
  code: 'WAL_INVALID',
  message: typeof message === 'string' ? message : expect.stringMatching(message),
});

describe('checks of options', () => {
  it('refuse unknown names', () => {
    const names = new Set(['size', 'count']);
    checkOptionNames({}, names);
    checkOptionNames({ size: 1, count: undefined }, names);
    expect(() => checkOptionNames({ siez: 1 }, names)).toThrow(
      expect.objectContaining(invalid('unknown option siez; there are: size, count')),
    );
  });

  it.each([null, 3, 'x', undefined])('refuse %j as options', (options) => {
    expect(() => checkOptionNames(options as unknown as object, new Set())).toThrow(
      expect.objectContaining(invalid(`options must be an object, got ${String(options)}`)),
    );
  });

  it('accept integers within their bounds', () => {
    for (const value of [0, 5, 10]) checkInteger('size', value, 0, 10);
    for (const value of [-1, 11, 1.5, NaN, Infinity, '5', null, undefined]) {
      expect(() => checkInteger('size', value as number, 0, 10)).toThrow(
        expect.objectContaining(
          invalid(`size must be an integer from 0 to 10, got ${String(value)}`),
        ),
      );
    }
  });

  it('accept true and false only', () => {
    checkBoolean('fast', true);
    checkBoolean('fast', false);
    for (const value of [0, 1, 'true', null, undefined]) {
      expect(() => checkBoolean('fast', value as unknown as boolean)).toThrow(
        expect.objectContaining(invalid(`fast must be true or false, got ${String(value)}`)),
      );
    }
  });

  it('know the bounds of the cache', () => {
    expect(checkedCacheLimits()).toEqual(defaultCacheLimits);
    const none = { entriesMax: 0, bytesMax: 0 };
    expect(checkedCacheLimits(none)).toEqual(none);
    expect(() => checkedCacheLimits({ entriesMax: -1, bytesMax: 0 })).toThrow(
      expect.objectContaining(invalid(/^cache\.entriesMax /)),
    );
    expect(() => checkedCacheLimits({ entriesMax: 1, bytesMax: 2 ** 33 })).toThrow(
      expect.objectContaining(invalid(/^cache\.bytesMax /)),
    );
  });
});
