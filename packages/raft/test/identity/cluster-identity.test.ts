import { SeededRandom } from '@babuza/testkit';
import { describe, expect, it } from 'vitest';
import {
  identityFromJson,
  identityToJson,
  isBefore,
  originOf,
  renewedIdentity,
  unknownIdentity,
  type Beginnings,
  type ClusterIdentity,
} from '../../src/identity/cluster-identity.ts';
import { isIdentityHex, randomIdentity } from '../../src/identity/hex.ts';
import { mergedIdentity } from '../../src/identity/identity-keeper.ts';
import { decodeIdentityRecord, encodeIdentityRecord } from '../../src/identity/identity-record.ts';
import { decodeIntroduction, encodeIntroduction } from '../../src/identity/introduction.ts';
import { decodeLogIdentity, encodeLogIdentity } from '../../src/identity/log-identity.ts';
import { firstMembership } from '../../src/membership/membership.ts';

const hex = (digit: string): string => digit.repeat(32);
const known: ClusterIdentity = { origin: hex('a'), birth: hex('b'), previous: [] };

const beginnings: Beginnings = {
  clusterId: 1n,
  groupId: 0n,
  membership: firstMembership([
    { id: 1n, address: 'one' },
    { id: 2n, address: 'two' },
  ]),
  token: undefined,
  exportId: undefined,
};

describe('the origin of a cluster', () => {
  it('is the same for the same first members in another order', () => {
    const membership = firstMembership([
      { id: 2n, address: 'two' },
      { id: 1n, address: 'one' },
    ]);
    expect(originOf({ ...beginnings, membership })).toBe(originOf(beginnings));
  });

  it.each<[string, Partial<Beginnings>]>([
    ['cluster id', { clusterId: 2n }],
    ['group', { groupId: 1n }],
    ['token', { token: 'blue' }],
    ['empty token', { token: '' }],
    ['backup', { exportId: hex('c') }],
    ['members', { membership: firstMembership([{ id: 1n, address: 'one' }]) }],
    [
      'role',
      {
        membership: firstMembership([
          { id: 1n, address: 'one' },
          { id: 2n, address: 'two', role: 'learner' },
        ]),
      },
    ],
  ])('is another one with another %s', (_, change) => {
    expect(originOf({ ...beginnings, ...change })).not.toBe(originOf(beginnings));
  });
});

describe('what is known of an identity, and what the log tells', () => {
  const other = { ...known, birth: hex('c') };

  it('come together where one of them knows more', () => {
    expect(mergedIdentity(unknownIdentity, known, false)).toEqual(known);
    expect(mergedIdentity(known, unknownIdentity, false)).toEqual(known);
    const withoutBirth = { ...known, birth: undefined };
    expect(mergedIdentity(withoutBirth, known, false)).toEqual(known);
  });

  it.each([
    ['birth', other],
    ['origin', { ...known, origin: hex('d'), birth: undefined }],
  ])('contradict each other in the %s', (_, told) => {
    expect(() => mergedIdentity(known, told, false)).toThrow(
      expect.objectContaining({ code: 'RAFT_OTHER_CLUSTER' }),
    );
  });

  it('a recovery is followed, and what was before it is not taken for another cluster', () => {
    const renewed = renewedIdentity(known, hex('e'));
    expect(renewed.previous).toEqual([{ origin: known.origin, birth: known.birth }]);
    expect(mergedIdentity(known, renewed, true)).toEqual(renewed);
    expect(mergedIdentity(renewed, known, false)).toEqual(renewed);
  });

  it('recoveries may be many: what was before the last one is known, also when the oldest are dropped', () => {
    const all = [known];
    for (let at = 1; at <= 100; at += 1) {
      const before = all.at(-1) ?? known;
      all.push(renewedIdentity(before, at.toString(16).padStart(32, '0')));
    }
    const newest = all.at(-1) ?? known;
    for (const before of all) expect(mergedIdentity(newest, before, false)).toEqual(newest);
    // A log that is read from its beginning has all of them.
    for (const before of all) expect(mergedIdentity(newest, before, true)).toEqual(newest);
  });

  it('another cluster is not taken for one from before a recovery', () => {
    const renewed = renewedIdentity(known, hex('e'));
    const stranger = { origin: hex('d'), birth: hex('d'), previous: [] };
    expect(() => mergedIdentity(renewed, stranger, false)).toThrow(
      expect.objectContaining({ code: 'RAFT_OTHER_CLUSTER' }),
    );
  });

  it('a member that was told only the newest identity learns what was before it', () => {
    const renewed = renewedIdentity(known, hex('e'));
    const told = { ...renewed, previous: [] };
    expect(mergedIdentity(told, renewed, false)).toEqual(renewed);
  });
});

describe('identities as JSON and bytes', () => {
  it.each([known, unknownIdentity, renewedIdentity(known, hex('e'))])('come back: %j', (each) => {
    const text = JSON.stringify(identityToJson(each));
    expect(identityFromJson(JSON.parse(text))).toEqual(each);
  });

  it.each([null, 'x', { origin: 'short' }, { birth: 5 }, { previous: 'x' }, { previous: [4] }])(
    'that nobody wrote are not taken: %j',
    (json) => {
      expect(identityFromJson(json)).toBeUndefined();
    },
  );

  it('random ones are 32 hexadecimal digits, and differ', () => {
    const random = new SeededRandom(1);
    const drawn = Array.from({ length: 100 }, () => randomIdentity(random));
    expect(drawn.every(isIdentityHex)).toBe(true);
    expect(new Set(drawn).size).toBe(100);
  });

  it('of a log come back, with and without an origin', () => {
    for (const origin of [undefined, hex('a')]) {
      const identity = { logId: hex('9'), origin };
      expect(decodeLogIdentity(encodeLogIdentity(identity))).toEqual(identity);
    }
    const bytes = encodeLogIdentity({ logId: hex('9'), origin: undefined });
    expect(Buffer.from(bytes).toString('hex')).toBe(`01${hex('9')}${hex('0')}`);
    for (const bad of [bytes.subarray(1), bytes.with(0, 2), new Uint8Array(0)]) {
      expect(() => decodeLogIdentity(bad)).toThrow(
        expect.objectContaining({ code: 'RAFT_STATE_UNREADABLE' }),
      );
    }
  });
});

describe('an identity record', () => {
  const record = {
    logId: hex('1'),
    cluster: known,
    startCount: 3,
    committedIndex: 70,
    members: new Map([
      [2n ** 64n - 3n, { logId: hex('2'), startCount: 1, run: 2 ** 32 - 1, durableIndex: 9 }],
    ]),
    boundTo: { index: 7, term: 2, checksum: 5 },
  };

  it('comes back', () => {
    expect(decodeIdentityRecord(encodeIdentityRecord(record))).toEqual(record);
    const { boundTo: _, ...without } = record;
    expect(decodeIdentityRecord(encodeIdentityRecord(without))).toEqual(without);
  });

  it.each([
    ['no JSON', '{'],
    ['a later version', JSON.stringify({ version: 2 })],
    ['no members', JSON.stringify({ version: 1, logId: hex('1'), cluster: {} })],
    [
      'a member without a log',
      JSON.stringify({ version: 1, logId: hex('1'), cluster: {}, members: [{ id: '1' }] }),
    ],
    [
      'no counter',
      JSON.stringify({ version: 1, logId: hex('1'), cluster: {}, members: [], startCount: -1 }),
    ],
  ])('is refused with %s', (_, text) => {
    expect(() => decodeIdentityRecord(Buffer.from(text))).toThrow(
      expect.objectContaining({ code: 'RAFT_STATE_UNREADABLE' }),
    );
  });
});

describe('an introduction', () => {
  const introduction = {
    origin: known.origin,
    birth: undefined,
    logId: hex('1'),
    startCount: 2,
    run: 5,
    lastIndex: 10,
    commitIndex: 9,
    marks: [{ index: 9, term: 2, checksum: 2 ** 32 - 1 }],
  };

  it('comes back, is one line of ASCII, and fits', () => {
    const text = encodeIntroduction(introduction);
    expect(text).toMatch(/^[ -~]{1,2048}$/);
    expect(decodeIntroduction(text)).toEqual(introduction);
  });

  it('has what a later release adds ignored', () => {
    const json = JSON.parse(encodeIntroduction(introduction));
    expect(decodeIntroduction(JSON.stringify({ ...json, more: [1] }))).toEqual(introduction);
  });

  it.each([
    undefined,
    '',
    'null',
    '[]',
    '{}',
    'x'.repeat(5000),
    JSON.stringify({ ...introduction, lastIndex: -1 }),
    JSON.stringify({ ...introduction, run: 2 ** 53 }),
    JSON.stringify({ ...introduction, logId: hex('Z') }),
    JSON.stringify({ ...introduction, marks: [[1, 2]] }),
    JSON.stringify({ ...introduction, marks: 'x' }),
  ])('is refused: %s', (text) => {
    expect(decodeIntroduction(text)).toBeUndefined();
  });

  it('has at most four marks looked at', () => {
    const marks = Array.from({ length: 1000 }, (_, at) => [at + 1, 1, 1]);
    const text = JSON.stringify({ ...introduction, marks: marks.slice(0, 100) });
    expect(decodeIntroduction(text)?.marks).toHaveLength(4);
  });
});

describe('an identity that was before a recovery', () => {
  const [origin, birth] = [hex('a'), hex('b')];
  const after: ClusterIdentity = {
    origin: hex('d'),
    birth: hex('e'),
    previous: [{ origin, birth }],
  };

  it.each([
    ['both parts', { origin, birth }, true],
    ['only its origin', { origin, birth: undefined }, true],
    ['only its birth id', { origin: undefined, birth }, true],
    ['another origin', { origin: hex('c'), birth: undefined }, false],
    ['another birth id', { origin: undefined, birth: hex('c') }, false],
    ['the birth id and another origin', { origin: hex('c'), birth }, false],
    ['the origin and another birth id', { origin, birth: hex('c') }, false],
    ['nothing', { origin: undefined, birth: undefined }, false],
  ])('is told by what one knows of it: %s', (_, one, expected) => {
    expect(isBefore({ ...one, previous: [] }, after)).toBe(expected);
  });
});

it('an introduction has at most four marks: each costs a read of the log', () => {
  const marks = Array.from({ length: 9 }, (_, at) => ({ index: at + 1, term: 1, checksum: at }));
  const counts = { startCount: 1, run: 1, lastIndex: 9, commitIndex: 9 };
  const ids = { origin: hex('a'), birth: hex('b'), logId: hex('1') };
  const text = encodeIntroduction({ ...ids, ...counts, marks });
  expect(decodeIntroduction(text)?.marks).toEqual(marks.slice(0, 4));
});
