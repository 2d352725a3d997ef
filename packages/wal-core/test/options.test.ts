/** Checks of ids, groups, metadata and expectations, which are the same for every back end. */
import {
  checkedId,
  entryBytesMaxDefault,
  entryBytesMaxLimit,
  InvalidArgumentError,
  MetadataMismatchError,
  type WalMetadata,
} from '@babuza/wal-core';
import { checkedGroupId, checkedMetadata, checkExpectation } from '@babuza/wal-core/backend';
import { describe, expect, it } from 'vitest';
import { referenceCapabilities } from './wrong-backends/reference.ts';

function check(entryBytesMax: number, most: number): WalMetadata {
  const capabilities = { ...referenceCapabilities, entryBytesMax: most };
  return checkedMetadata({ ...ids, entryBytesMax }, capabilities);
}

const ids = { clusterId: 1n, nodeId: 2n };

describe('ids', () => {
  it('have up to 64 bits, as bigint or safe integer', () => {
    expect(checkedId('id', 2n ** 64n - 1n)).toBe(2n ** 64n - 1n);
    expect(checkedId('id', 0)).toBe(0n);
    expect(checkedId('id', Number.MAX_SAFE_INTEGER)).toBe(2n ** 53n - 1n);
    for (const wrong of [-1, -1n, 2n ** 64n, 1.5, 2 ** 53, Number.NaN, Infinity]) {
      expect(() => checkedId('nodeId', wrong)).toThrow(InvalidArgumentError);
    }
    expect(() => checkedId('nodeId', 2 ** 53)).toThrow(/nodeId/);
  });

  it('of groups are 0 by default', () => {
    expect([checkedGroupId(undefined), checkedGroupId({})]).toEqual([0n, 0n]);
    expect(checkedGroupId({ groupId: 7 })).toBe(7n);
  });
});

describe('metadata', () => {
  it('gets its defaults and is copied', () => {
    const extra = Uint8Array.of(1, 2);
    const metadata = checkedMetadata({ clusterId: 1, nodeId: 2, extra }, referenceCapabilities);
    extra.fill(0);
    expect(metadata).toEqual({
      ...ids,
      entryBytesMax: entryBytesMaxDefault,
      extra: Uint8Array.of(1, 2),
    });
  });

  it('allows no larger entries than the back end and the general limit', () => {
    expect(check(2000, 2000).entryBytesMax).toBe(2000);
    expect(() => check(2001, 2000)).toThrow(/from 1024 to 2000, got 2001/);
    expect(() => check(1023, 2000)).toThrow(InvalidArgumentError);
    expect(check(entryBytesMaxLimit, Infinity).entryBytesMax).toBe(entryBytesMaxLimit);
    expect(() => check(entryBytesMaxLimit + 1, Infinity)).toThrow(InvalidArgumentError);
  });

  it('that differs from the expected one is named in the error', () => {
    const metadata = { ...ids, entryBytesMax: 5000 };
    checkExpectation('here', metadata, undefined);
    checkExpectation('here', metadata, { clusterId: 1, nodeId: 2n, entryBytesMax: 5000 });
    for (const [field, expected] of [
      ['clusterId', { clusterId: 2 }],
      ['nodeId', { nodeId: 3n }],
      ['entryBytesMax', { entryBytesMax: 5001 }],
    ] as const) {
      const check = (): void => checkExpectation('/data/wal', metadata, expected);
      expect(check).toThrow(MetadataMismatchError);
      expect(check).toThrow(new RegExp(`/data/wal: ${field} is`));
    }
  });
});
