/** The meaning of the end of a scan, and the verdicts on damage. */
import { describe, expect, it } from 'vitest';
import { decodeEntry, RaftpbDecodeError } from '@babuza/raftpb';
import { damage, damageOf, whyNotReadable } from '../src/recovery/damage.ts';
import type { ScanEnd } from '../src/recovery/scan.ts';

const scanTo = (end: ScanEnd) =>
  ({ end, validEnd: 48, checksum: 0, lastOffset: 24, fileBytes: 100, tornBytes: 0 }) as const;

describe('the end of a scan', () => {
  for (const [end, verdict] of [
    ['unexpected-end', 'ErrUnexpectedEOF'],
    ['torn', 'ErrUnexpectedEOF'],
    ['checksum', 'ErrCRCMismatch'],
    ['no-message', 'no-message'],
  ] as const) {
    it(`is damage at the end of the last valid record: ${end}`, () => {
      const error = damageOf(scanTo(end), '/wal/a', { firstIndex: 9, groupId: 4n });
      expect(error).toMatchObject({
        code: 'WAL_CORRUPT',
        verdict,
        file: '/wal/a',
        offset: 48,
        firstIndex: 9,
        groupId: 4n,
      });
    });
  }

  it('is not damage when the segment ends or the scan was stopped', () => {
    expect(damageOf(scanTo('end'), '/wal/a')).toBeUndefined();
    expect(damageOf(scanTo('stopped'), '/wal/a')).toBeUndefined();
  });

  it('is damage to group 0 by default, as for a log of etcd', () => {
    expect(damageOf(scanTo('checksum'), '/wal/a')?.groupId).toBe(0n);
    expect(damage('no-message', 'x', { file: '/wal/a' }).groupId).toBe(0n);
  });
});

describe('a message that cannot be decoded', () => {
  it('has a reason, and any other error is thrown unchanged', () => {
    let seen: unknown;
    try {
      decodeEntry(Uint8Array.of(0x08, 0xff));
    } catch (error) {
      seen = error;
    }
    expect(seen).toBeInstanceOf(RaftpbDecodeError);
    expect(whyNotReadable(seen)).toBe(seen instanceof Error ? seen.message : '');
    const other = new TypeError('of the program');
    expect(() => whyNotReadable(other)).toThrow(other);
  });
});
