/** Entries about identities: every replica uses the first one, even when others are proposed. */
import { EntryType, type Entry } from '@babuza/raftpb';
import { SeededRandom, SimulatedClock } from '@babuza/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { StateType } from '@babuza/raft-core';
import { decodeEnvelope, encodeEnvelope, EnvelopeKind } from '../../src/proposals/envelope.ts';
import { provenBirth } from '../../src/identity/birth-in-log.ts';
import { FixIdentity } from '../../src/identity/fix-identity.ts';
import {
  boundMembership,
  decodeIdentityEntry,
  encodeIdentityEntry,
  identityAfter,
  type IdentityEntry,
} from '../../src/identity/identity-entries.ts';
import { IdentityGate } from '../../src/identity/identity-gate.ts';
import { changedMembership, firstMembership } from '../../src/membership/membership.ts';
import { ReplicatedState } from '../../src/apply/replicated-state.ts';
import { bytesOf, PlainSessions } from '../support.ts';

const hex = (digit: string): string => digit.repeat(32);
const membership = firstMembership([1n, 2n, 3n].map((id) => ({ id, address: `address-${id}` })));
const unknown = { origin: hex('a'), birth: undefined, previous: [] };

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

describe('the birth id of a cluster', () => {
  it('is the first one, and a recovery begins another', () => {
    const born = identityAfter(unknown, { birth: hex('b') });
    expect(born).toEqual({ ...unknown, birth: hex('b') });
    expect(identityAfter(born, { birth: hex('c') })).toBe(born);
    expect(identityAfter(born, { logIds: new Map() })).toBe(born);
    const renewed = { origin: hex('d'), birth: hex('e'), previous: [born] };
    expect(identityAfter(born, { renewed, birth: hex('c') })).toBe(renewed);
  });
});

describe('the log of a member', () => {
  it('is the first one that it is bound to', () => {
    const bound = boundMembership(membership, { logIds: new Map([[2n, hex('2')]]) });
    const again = boundMembership(bound, {
      logIds: new Map([
        [2n, hex('9')],
        [3n, hex('3')],
      ]),
    });
    expect([...again.logIds]).toEqual([
      [2n, hex('2')],
      [3n, hex('3')],
    ]);
  });

  it('is not bound for a node that is not a member, and is forgotten with the member', () => {
    const logIds = new Map([
      [2n, hex('2')],
      [9n, hex('9')],
    ]);
    const bound = boundMembership(membership, { logIds });
    expect([...bound.logIds.keys()]).toEqual([2n]);
    const removed = changedMembership(bound, [{ op: 'remove', id: 2n }]);
    expect(typeof removed === 'string' ? removed : removed.logIds.size).toBe(0);
  });

  it('is that which a recovery names, and the logs of all others are forgotten', () => {
    const logIds = new Map([1n, 2n, 3n].map((id) => [id, hex(String(id))]));
    const before = boundMembership(membership, { logIds });
    const renewed = { origin: hex('d'), birth: hex('e'), previous: [] };
    const after = boundMembership(before, { renewed, logIds: new Map([[1n, hex('7')]]) });
    expect([...after.logIds]).toEqual([[1n, hex('7')]]);
  });
});

describe('a leader', () => {
  let state: ReplicatedState;
  let isLeader: boolean;
  let raftState: StateType;
  let isTaken: boolean;
  let unbound: [bigint, string][];
  let told: string | undefined;
  let proposed: IdentityEntry[];
  let fix: FixIdentity;

  beforeEach(() => {
    state = new ReplicatedState(new PlainSessions());
    [isLeader, isTaken, told, proposed] = [true, true, undefined, []];
    raftState = StateType.Leader;
    unbound = [[1n, hex('1')]];
    fix = new FixIdentity({
      state,
      clock: new SimulatedClock(),
      random: new SeededRandom(1),
      isLeader: () => isLeader,
      unbound: () => new Map(unbound),
      toldBirth: () => told,
      core: {
        tryRun: (give) => {
          const propose = (data: Uint8Array): void => {
            if (!isTaken) throw new Error('the core refuses it');
            proposed.push(decodeIdentityEntry(decodeEnvelope(data, 1).payload, 1));
          };
          try {
            give({ basicStatus: () => ({ raftState }), propose } as never);
          } catch {
            // The core refuses it, and it is dropped.
          }
        },
      },
    });
  });

  const logs = (): (readonly bigint[])[] =>
    proposed.map(({ logIds }) => [...(logIds?.keys() ?? [])]);

  it('proposes a birth id once, with the logs that it knows', () => {
    fix.leads();
    fix.birth();
    fix.bind();
    expect([proposed.length, logs()]).toEqual([1, [[1n]]]);
    expect(proposed[0]?.birth).toMatch(/^[0-9a-f]{32}$/);
  });

  it('proposes the birth id that another leader has told', () => {
    told = hex('c');
    fix.leads();
    expect(proposed[0]?.birth).toBe(hex('c'));
  });

  it('binds each log once in each leadership, and again where the core has refused it', () => {
    state.identity = { ...unknown, birth: hex('b') };
    fix.leads();
    unbound.push([2n, hex('2')]);
    fix.bind();
    fix.bind();
    expect(logs()).toEqual([[1n], [2n]]);
    isTaken = false;
    unbound.push([3n, hex('3')]);
    fix.bind();
    isTaken = true;
    fix.bind();
    expect(logs()).toEqual([[1n], [2n], [3n]]);
    fix.leads();
    expect(logs().at(-1)).toEqual([1n, 2n, 3n]);
  });

  it('proposes the birth id again in another leadership, or where the core has refused it', () => {
    isTaken = false;
    fix.leads();
    isTaken = true;
    fix.birth();
    fix.birth();
    expect(proposed).toHaveLength(1);
    fix.leads();
    expect(proposed).toHaveLength(2);
  });

  it('proposes nothing when the core does not lead any more, when it does not lead, or when everything is fixed', () => {
    raftState = StateType.Follower;
    fix.leads();
    isLeader = false;
    raftState = StateType.Leader;
    fix.leads();
    fix.bind();
    isLeader = true;
    state.identity = { ...unknown, birth: hex('b') };
    unbound = [];
    fix.leads();
    expect(proposed).toEqual([]);
  });

  it('binds no log before the birth id was applied', () => {
    fix.leads();
    unbound.push([2n, hex('2')]);
    fix.bind();
    expect(logs()).toEqual([[1n]]);
  });
});

describe('proposals before the birth id', () => {
  let mustWait: boolean;
  let waits: number;
  let gate: IdentityGate;
  let passed: string[];

  beforeEach(() => {
    [mustWait, waits, passed] = [true, 0, []];
    gate = new IdentityGate(
      () => mustWait,
      () => void (waits += 1),
    );
  });

  const pass = (name: string, signal?: AbortSignal): void => {
    gate.pass(signal).then(
      () => passed.push(name),
      (error: Error) => passed.push(`${name}: ${error.message}`),
    );
  };

  it('pass in their order when it is fixed, and look again where it is not', async () => {
    for (const name of ['a', 'b']) pass(name);
    gate.changed();
    await turns();
    expect([passed, gate.length, waits]).toEqual([[], 2, 4]);
    mustWait = false;
    gate.changed();
    await turns();
    expect([passed, gate.length]).toEqual([['a', 'b'], 0]);
  });

  it('leave alone, and the others wait on', async () => {
    const control = new AbortController();
    pass('a', control.signal);
    pass('b');
    control.abort(new Error('enough'));
    await turns();
    expect([passed, gate.length]).toEqual([['a: enough'], 1]);
    mustWait = false;
    gate.changed();
    await turns();
    expect(passed).toEqual(['a: enough', 'b']);
  });

  it('are told of the end, also those that come later or are woken by it', async () => {
    pass('a');
    gate.stop(new Error('the end'));
    pass('b');
    await turns();
    expect([passed, gate.length]).toEqual([['b: the end', 'a: the end'], 0]);
  });

  it('that were woken before the end and have to wait again are told of it', async () => {
    pass('a');
    gate.changed();
    gate.stop(new Error('the end'));
    await turns();
    expect([passed, gate.length]).toEqual([['a: the end'], 0]);
  });
});

describe('the birth id that a log proves', () => {
  const identity = (index: number, entry: IdentityEntry): Entry => ({
    index,
    term: 1,
    type: EntryType.Normal,
    data: encodeEnvelope({
      kind: EnvelopeKind.Identity,
      proposedAtMs: 0,
      payload: encodeIdentityEntry(entry),
    }),
  });
  const empty = (index: number): Entry => ({ index, term: 1, type: EntryType.Normal });
  const ofUser = (index: number): Entry => ({
    index,
    term: 1,
    type: EntryType.Normal,
    data: encodeEnvelope({ kind: EnvelopeKind.Payload, proposedAtMs: 0, payload: bytesOf('a') }),
  });
  const proven = (...entries: Entry[]): ReturnType<typeof provenBirth> =>
    provenBirth({
      firstIndex: () => 2,
      lastIndex: () => entries.length + 1,
      iterate: async function* () {
        yield* entries;
      },
    } as never);

  it('is the first one, when an entry of a user follows it', async () => {
    const [b, c] = [{ birth: hex('b') }, { birth: hex('c') }];
    expect(await proven(empty(2), identity(3, b), identity(4, c), ofUser(5))).toBe(hex('b'));
    expect(await proven(empty(2), identity(3, b), empty(4))).toBeUndefined();
    expect(await proven(ofUser(2), identity(3, b), ofUser(4))).toBeUndefined();
    const change = { index: 4, term: 1, type: EntryType.ConfChangeV2 };
    expect(await proven(empty(2), identity(3, b), change)).toBe(hex('b'));
    expect(await proven()).toBeUndefined();
  });
});
