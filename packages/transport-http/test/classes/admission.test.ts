/**
 * Admission: the nodes that are admitted, the addresses that they claim, and the number that is
 * remembered.
 */
import { describe, expect, it } from 'vitest';
import { Admission } from '../../src/server/admission.ts';
import {
  decodeHandshake,
  encodeHandshake,
  handshakeHeader,
} from '../../src/connections/handshake.ts';
import { Members } from '../../src/connections/members.ts';
import { framePayloadMaxFor, framePayloadMaxOf } from '../../src/wire.ts';
import { FakeMember, handshakeOf, mebibyte } from './fakes.ts';
import { exchangeOf } from './requests.ts';

type Said = ReturnType<typeof handshakeOf>;

function admissionOf(member = new FakeMember(), members = new Members()) {
  const admission = new Admission(member.wire, members);
  const admit = (given: Partial<Said> = {}) =>
    admission.of(exchangeOf({ [handshakeHeader]: encodeHandshake(handshakeOf(given)) }).request);
  return { member, members, admit };
}

describe('members', () => {
  const ours = handshakeOf({ from: 1n, to: 2n });
  const fine = (): undefined => undefined;

  it('learn 64 addresses of members that nobody has told of, and forget the oldest for one more', () => {
    const members = new Members();
    for (let id = 100n; id < 164n; id += 1n) {
      expect(
        members.admit(handshakeOf({ from: id }), { ...ours, to: id }, fine, '127.0.0.1'),
      ).toBeUndefined();
    }
    // A known node may come again, also with another address.
    const again = handshakeOf({ from: 100n, address: 'new.example:1' });
    expect(members.admit(again, { ...ours, to: 100n }, fine, '127.0.0.1')).toBeUndefined();
    expect(members.routeOf(100n)?.address).toBe('new.example:1');
    expect(
      members.admit(handshakeOf({ from: 164n }), { ...ours, to: 164n }, fine, '127.0.0.1'),
    ).toBeUndefined();
    const known = [100n, 101n, 102n, 164n].map((id) => members.routeOf(id)?.address !== undefined);
    expect(known).toEqual([true, false, true, true]);
    // Addresses in the membership are never dropped.
    members.set({ id: 102n, address: 'two.example:2' });
    for (let id = 200n; id < 300n; id += 1n) {
      members.admit(handshakeOf({ from: id }), { ...ours, to: id }, fine, '127.0.0.1');
    }
    expect(members.routeOf(102n)?.address).toBe('two.example:2');
  });

  it.each(['told of', 'learned'])('forget the address of one that is removed: %s', (how) => {
    const members = new Members();
    if (how === 'learned') members.admit(handshakeOf(), ours, fine, '127.0.0.1');
    else members.set({ id: 2n, address: 'two.example:2' });
    expect(members.routeOf(2n)?.address).toBe('two.example:2');
    members.remove(2n);
    expect([members.routeOf(2n)?.address, members.isRemoved(2n)]).toEqual([undefined, true]);
    expect(members.admit(handshakeOf(), ours, fine, '127.0.0.1')).toMatchObject({
      reason: 'removed',
    });
    expect(members.routeOf(2n)?.address).toBeUndefined();
  });

  it('let one in again that is told of again', () => {
    const members = new Members();
    members.remove(2n);
    expect(members.set({ id: 2n, address: 'two.example:2' })).toBe(true);
    expect(members.set({ id: 2n, address: 'two.example:2' })).toBe(false);
    expect(members.admit(handshakeOf(), ours, fine, '127.0.0.1')).toBeUndefined();
  });

  it('ask the node last, and do not remember a node that it refuses', () => {
    const members = new Members();
    const asked: bigint[] = [];
    const admitByNode = (id: bigint): 'other-cluster' => {
      asked.push(id);
      return 'other-cluster';
    };
    members.admit(handshakeOf({ clusterId: 9n }), ours, admitByNode, '127.0.0.1');
    members.admit(handshakeOf({ from: 1n }), { ...ours, to: 1n }, admitByNode, '127.0.0.1');
    members.remove(3n);
    members.admit(handshakeOf({ from: 3n }), { ...ours, to: 3n }, admitByNode, '127.0.0.1');
    expect(asked).toEqual([]);
    expect(members.admit(handshakeOf(), ours, admitByNode, '127.0.0.1')).toMatchObject({
      reason: 'other-cluster',
    });
    expect([asked, members.routeOf(2n)?.address]).toEqual([[2n], undefined]);
  });
});

describe('an admission', () => {
  it('answers with the handshake of this member, and with its introduction', () => {
    const { admit } = admissionOf(new FakeMember({ introduction: () => 'who I am' }));
    const admitted = admit();
    if (!admitted.isFine) throw new Error(admitted.reason);
    expect(decodeHandshake(admitted.answer)).toMatchObject({
      from: 1n,
      to: 2n,
      introduction: 'who I am',
    });
  });

  it('tells only the reason to a member of another cluster, and no id', () => {
    const { admit } = admissionOf();
    expect(admit({ clusterId: 77n })).toEqual({
      isFine: false,
      reason: 'other-cluster',
    });
  });

  it('logs each refusal of a member once a minute', async () => {
    const { admit, member } = admissionOf();
    const refuse = (): void => void admit({ entryBytesMax: 5 });
    for (let turn = 0; turn < 3; turn += 1) refuse();
    admit();
    refuse();
    expect(member.logged).toHaveLength(1);
    admit({ groupId: 5n });
    expect(member.logged).toHaveLength(2);
    await member.clock.advance(60_000);
    refuse();
    expect(member.logged).toHaveLength(3);
  });

  it('leaves it to the node to tell of a member that the node refuses', () => {
    const { admit, member } = admissionOf(new FakeMember({ admit: () => 'other-cluster' }));
    expect(admit()).toMatchObject({ isFine: false, reason: 'other-cluster' });
    expect(member.logged).toEqual([]);
  });

  it('logs 20 refusals a minute at most, however many ids somebody makes up', () => {
    const { admit, member } = admissionOf();
    for (let id = 10n; id < 266n; id += 1n) admit({ from: id, entryBytesMax: 5 });
    expect(member.logged).toHaveLength(20);
  });

  it.each([
    [mebibyte, mebibyte],
    [8 * mebibyte, 8 * mebibyte],
    [32 * mebibyte, 32 * mebibyte],
    [32 * mebibyte + 1, 32 * mebibyte],
    [Number.MAX_SAFE_INTEGER, 32 * mebibyte],
  ])('takes frames for messages of %i bytes up to those of %i', (theirs, expected) => {
    const { admit } = admissionOf();
    const admitted = admit({ messageBytesMax: theirs });
    expect(admitted).toMatchObject({ framePayloadMax: framePayloadMaxOf(expected) });
  });

  it('takes from every member the frames that this member may send', () => {
    const own = framePayloadMaxOf(64 * mebibyte);
    expect(framePayloadMaxFor(own, mebibyte)).toBe(own);
    expect(framePayloadMaxFor(own, Number.MAX_SAFE_INTEGER)).toBe(own);
  });
});
