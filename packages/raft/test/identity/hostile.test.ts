/** Forged introductions and records: each is refused, and nothing else happens. */
import { SeededRandom } from '@babuza/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TransportHandler } from '../../src/ports/index.ts';
import { encodeIdentityEntry, decodeIdentityEntry } from '../../src/identity/identity-entries.ts';
import { decodeIdentityRecord, encodeIdentityRecord } from '../../src/identity/identity-record.ts';
import { decodeIntroduction } from '../../src/identity/introduction.ts';
import { decodeSnapshotOwner, encodeSnapshotOwner } from '../../src/identity/snapshot-owner.ts';
import { firstMembership } from '../../src/membership/membership.ts';
import { ReplicatedState } from '../../src/apply/replicated-state.ts';
import { MapSnapshots, PlainSessions, World } from '../support.ts';
import { MemoryStore } from '@babuza/wal-memory';

const hex = (digit: string): string => digit.repeat(32);
const cluster = { origin: hex('a'), birth: hex('b'), previous: [] };

const strange: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 53,
  -(2 ** 53),
  1e308,
  '',
  'x',
  hex('g'),
  hex('A'),
  'a'.repeat(31),
  [],
  [[]],
  [[1, 2]],
  [[1, 2, -3]],
  [[9007199254740991, 1, 1]],
  {},
  { length: 5 },
  { constructor: 1 },
  { '-1': hex('a') },
  { '99999999999999999999999': hex('a') },
];

/** The same JSON with one value in it, anywhere, replaced or left out. */
function* changed(json: unknown): Generator {
  yield* strange;
  if (typeof json !== 'object' || json === null) return;
  for (const [name, value] of Object.entries(json)) {
    const others = Object.entries(json).filter(([other]) => other !== name);
    const put = (each: unknown): unknown =>
      Array.isArray(json)
        ? json.map((old: unknown, at) => (String(at) === name ? each : old))
        : Object.fromEntries([...others, [name, each]]);
    if (!Array.isArray(json)) yield Object.fromEntries(others);
    for (const each of changed(value)) yield put(each);
  }
}

const bytesOf = (json: unknown): Uint8Array => Buffer.from(JSON.stringify(json) ?? '');
const jsonOf = (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString());

const record = encodeIdentityRecord({
  logId: hex('1'),
  cluster: { ...cluster, previous: [{ origin: hex('c'), birth: hex('d') }] },
  startCount: 3,
  committedIndex: 7,
  members: new Map([[2n, { logId: hex('2'), startCount: 1, run: 5, durableIndex: 6 }]]),
  boundTo: { index: 5, term: 2, checksum: 77 },
});

const decoders: readonly [string, Uint8Array, (bytes: Uint8Array) => unknown][] = [
  ['identity record', record, decodeIdentityRecord],
  [
    'record beside snapshots',
    encodeSnapshotOwner({ logId: hex('1'), startCount: 2, recordedIndex: 9, committedIndex: 9 }),
    decodeSnapshotOwner,
  ],
  [
    'entry of identities',
    encodeIdentityEntry({
      birth: hex('b'),
      renewed: cluster,
      logIds: new Map([[1n, hex('1')]]),
    }),
    (bytes) => decodeIdentityEntry(bytes, 4),
  ],
];

describe.each(decoders)('an %s', (_, good, decode) => {
  it('with any part changed is read, or refused by its code', () => {
    let refused = 0;
    for (const json of changed(jsonOf(good))) {
      try {
        decode(bytesOf(json));
      } catch (error) {
        refused += 1;
        expect(error).toMatchObject({ code: 'RAFT_STATE_UNREADABLE' });
      }
    }
    expect(refused).toBeGreaterThan(40);
  });

  it('of bytes that are cut, or no JSON, is refused by its code', () => {
    for (let length = 0; length < good.length; length += 1) {
      expect(() => decode(good.subarray(0, length))).toThrow(
        expect.objectContaining({ code: 'RAFT_STATE_UNREADABLE' }),
      );
    }
  });

  it('with a count below 0 is refused', () => {
    const json = { ...Object(jsonOf(good)), startCount: -1, recordedIndex: -1, birth: -1 };
    expect(() => decode(bytesOf(json))).toThrow(
      expect.objectContaining({ code: 'RAFT_STATE_UNREADABLE' }),
    );
  });
});

it("the node's part of a snapshot with any identity is read, or refused by its code", () => {
  const state = new ReplicatedState(new PlainSessions());
  state.identity = { ...cluster, previous: [{ origin: hex('c'), birth: undefined }] };
  const membership = firstMembership([{ id: 1n, address: 'one' }]);
  state.membership = { ...membership, logIds: new Map([[1n, hex('1')]]) };
  const json = Object(jsonOf(state.encode()));
  const confState = {
    voters: [1n],
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
  };
  for (const name of ['identity', 'logIds']) {
    for (const each of changed(json[name])) {
      try {
        state.restore(bytesOf({ ...json, [name]: each }), { index: 5, term: 1, confState });
      } catch (error) {
        expect(error).toMatchObject({ code: 'RAFT_STATE_UNREADABLE' });
      }
    }
  }
});

describe('a running node', () => {
  let world: World;
  let handler: TransportHandler;

  beforeEach(async () => {
    world = new World();
    const transport = world.wire.transport(1n);
    const start = transport.start.bind(transport);
    transport.start = async (given, group) => {
      handler = given;
      await start(given, group);
    };
    const disk = { store: new MemoryStore(), snapshots: new MapSnapshots() };
    const peers = [{ id: 1n, address: 'address-1' }];
    await world.start(1n, peers, disk, {}, undefined, { transport });
    await world.leader();
    await world.until(world.member(1n).raft.propose(Buffer.from('a')));
  });

  afterEach(() => world.close());

  it('refuses or admits any introduction, and goes on', async () => {
    const own = handler.introduction();
    expect(decodeIntroduction(own)).toBeDefined();
    for (const json of changed(JSON.parse(own))) {
      const word = handler.admit(7n, JSON.stringify(json));
      expect([undefined, 'other-cluster']).toContain(word);
    }
    const random = new SeededRandom(5);
    for (let time = 0; time < 2000; time += 1) {
      const units = own.split('');
      for (let change = 0; change < 3; change += 1) {
        units[random.below(units.length)] = String.fromCharCode(random.below(0x300));
      }
      handler.admit(BigInt(1 + random.below(5)), units.join(''));
    }
    handler.admit(7n, '['.repeat(2000));
    handler.admit(7n, `{"origin":${'9'.repeat(2000)}}`);
    handler.admit(7n, 'x'.repeat(10_000_000));
    await world.until(world.member(1n).raft.propose(Buffer.from('b')));
  });

  it('answers when it has ended, and when its log is closed', async () => {
    const own = handler.introduction();
    await world.until(world.member(1n).raft.shutdown());
    world.clock.startTimer(2000, () => undefined);
    world.clock.fireNext();
    expect(decodeIntroduction(handler.introduction())).toBeDefined();
    expect([undefined, 'other-cluster']).toContain(handler.admit(2n, own));
    handler.refusedBy(2n);
    handler.admittedBy(2n);
    handler.unreachable(2n);
  });
});
