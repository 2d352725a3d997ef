import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  changedMembership,
  confStateOf,
  coreChanges,
  firstMembership,
  type Membership,
  type MembershipOperation,
} from '../src/membership/membership.ts';
import {
  decodeOperations,
  encodeOperations,
  membershipFromJson,
  membershipToJson,
} from '../src/membership/membership-codec.ts';

const three = firstMembership([
  { id: 3n, address: 'c', role: 'learner' },
  { id: 1n, address: 'a' },
  { id: 2n, address: 'b' },
]);

function changed(before: Membership, ...operations: MembershipOperation[]): Membership {
  const after = changedMembership(before, operations);
  if (typeof after === 'string') throw new Error(after);
  return after;
}

const ids = fc.bigInt({ min: 0n, max: 5n });
const addresses = fc.constantFrom('a', 'b', 'c', 'd', '');
const anyOperation: fc.Arbitrary<MembershipOperation> = fc.oneof(
  fc.record({
    op: fc.constant('set' as const),
    id: ids,
    role: fc.constantFrom('voter' as const, 'learner' as const),
    address: addresses,
  }),
  fc.record({ op: fc.constant('remove' as const), id: ids }),
  fc.record({ op: fc.constant('address' as const), id: ids, address: addresses }),
  fc.record({
    op: fc.constant('service' as const),
    id: ids,
    name: fc.constantFrom('http', 'grpc'),
    address: addresses,
  }),
);

describe('the membership', () => {
  it('begins in ascending order, with the state of the core that goes with it', () => {
    expect([...three.members.keys()]).toEqual([1n, 2n, 3n]);
    expect(confStateOf(three)).toMatchObject({ voters: [1n, 2n], learners: [3n] });
  });

  it.each([
    [
      'an id twice',
      [
        { id: 1n, address: 'a' },
        { id: 1n, address: 'b' },
      ],
      'named twice',
    ],
    [
      'an address twice',
      [
        { id: 1n, address: 'a' },
        { id: 2n, address: 'a' },
      ],
      'address',
    ],
    ['no voter', [{ id: 1n, address: 'a', role: 'learner' as const }], 'no voter'],
    ['nobody', [{ id: 0n, address: 'a' }], 'cannot be the id'],
    ['no address', [{ id: 1n, address: '' }], 'needs an address'],
  ])('cannot begin with %s', (_, peers, why) => {
    const begin = (): unknown => firstMembership(peers);
    expect(begin).toThrow(expect.objectContaining({ code: 'RAFT_CONFIG' }));
    expect(begin).toThrow(why);
  });

  it.each<[string, MembershipOperation[]]>([
    [
      'no voter would be left',
      [
        { op: 'remove', id: 1n },
        { op: 'remove', id: 2n },
      ],
    ],
    ['has the address a already', [{ op: 'set', id: 9n, role: 'voter', address: 'a' }]],
    ['has the address a already', [{ op: 'address', id: 2n, address: 'a' }]],
    ['9 is not a member', [{ op: 'remove', id: 9n }]],
    ['needs an address', [{ op: 'set', id: 9n, role: 'learner' }]],
    [
      'ids never return',
      [
        { op: 'remove', id: 2n },
        { op: 'set', id: 2n, role: 'voter', address: 'x' },
      ],
    ],
  ])('refuses, whole: %s', (why, operations) => {
    expect(changedMembership(three, operations)).toContain(why);
  });

  it.each(['', '__proto__', 'a b', 'a'.repeat(65)])(
    'a service of the name %o is refused: it could get lost in a snapshot',
    (name) => {
      const operation = { op: 'service', id: 3n, name, address: 'web' } as const;
      expect(changedMembership(three, [operation])).toMatch('a service needs a name');
    },
  );

  it('a promotion keeps address and services; a service can be withdrawn', () => {
    const served = changed(three, { op: 'service', id: 3n, name: 'http', address: 'web' });
    const promoted = changed(served, { op: 'set', id: 3n, role: 'voter' });
    expect(promoted.members.get(3n)).toEqual({
      id: 3n,
      address: 'c',
      role: 'voter',
      services: { http: 'web' },
    });
    const silent = changed(promoted, { op: 'service', id: 3n, name: 'http' });
    expect(silent.members.get(3n)?.services).toEqual({});
  });

  it('whatever is asked for, it keeps its rules, and travels as text', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(anyOperation, { maxLength: 4 }), { maxLength: 8 }),
        (changes) => {
          let membership = three;
          for (const operations of changes) {
            expect(decodeOperations(encodeOperations(operations))).toEqual(operations);
            const after = changedMembership(membership, operations);
            if (typeof after === 'string') continue;
            expect(coreChanges(operations)).toHaveLength(operations.length);
            for (const id of membership.removed) expect(after.members.has(id)).toBe(false);
            membership = after;
          }
          const members = [...membership.members.values()];
          expect(members.some(({ role }) => role === 'voter')).toBe(true);
          expect(new Set(members.map(({ address }) => address)).size).toBe(members.length);
          const text = JSON.stringify(membershipToJson(membership));
          expect(membershipFromJson(JSON.parse(text))).toEqual(membership);
          expect(JSON.stringify(membershipToJson(membershipFromJson(JSON.parse(text))))).toBe(text);
        },
      ),
    );
  });

  it('anything else in the place of a change is an error with a code', () => {
    for (const bad of [
      '',
      '{',
      '[]',
      '{"version":2,"operations":[]}',
      '{"version":1}',
      '{"version":1,"operations":[{"op":"set","id":"-1"}]}',
      '{"version":1,"operations":[{"op":"fly","id":"1"}]}',
    ]) {
      const decode = (): unknown => decodeOperations(new TextEncoder().encode(bad));
      expect(decode, bad).toThrow(expect.objectContaining({ code: 'RAFT_STATE_UNREADABLE' }));
    }
  });
});

it('a membership has the same text on every replica, in whatever order it came about', () => {
  const service = (id: bigint, name: string): MembershipOperation => ({
    op: 'service',
    id,
    name,
    address: name,
  });
  const operations: MembershipOperation[] = [
    { op: 'remove', id: 2n },
    { op: 'remove', id: 3n },
    service(1n, 'http'),
    service(1n, 'admin'),
  ];
  const texts = [operations, operations.toReversed()].map((order) =>
    JSON.stringify(membershipToJson(changed(three, ...order))),
  );
  expect(texts[0]).toBe(texts[1]);
  expect(texts[0]).toContain('"removed":["2","3"]');
});
