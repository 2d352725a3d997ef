import { StateType } from '@babuza/raft-core';
import { SeededRandom, SimulatedClock } from '@babuza/testkit';
import { expect, it } from 'vitest';
import { decodeEnvelope } from '../../src/proposals/envelope.ts';
import { FixIdentity } from '../../src/identity/fix-identity.ts';
import { decodeIdentityEntry, type IdentityEntry } from '../../src/identity/identity-entries.ts';
import { IdentityGate } from '../../src/identity/identity-gate.ts';
import { ReplicatedState } from '../../src/apply/replicated-state.ts';
import { PlainSessions } from '../support.ts';

it('a birth id that the core has refused is proposed again when a proposal waits for it', async () => {
  const state = new ReplicatedState(new PlainSessions());
  let attempts = 0;
  const fix = new FixIdentity({
    state,
    clock: new SimulatedClock(),
    random: new SeededRandom(1),
    isLeader: () => true,
    unbound: () => new Map(),
    toldBirth: () => undefined,
    // The core refuses the proposal, for example during a leadership transfer.
    core: {
      tryRun: () => {
        attempts += 1;
      },
    },
  });
  fix.leads();
  expect(attempts).toBe(1);
  const gate = new IdentityGate(
    () => state.identity.birth === undefined,
    () => fix.birth(),
  );
  const passing = gate.pass(undefined);
  expect(attempts).toBe(2);
  state.identity = { origin: undefined, birth: 'b'.repeat(32), previous: [] };
  gate.changed();
  await passing;
  expect(attempts).toBe(2);
});

/** The proposals of a leader that knows the log of member 2, and was told this birth id. */
function leader(toldBirth?: string): {
  fix: FixIdentity;
  state: ReplicatedState;
  proposed: IdentityEntry[];
} {
  const state = new ReplicatedState(new PlainSessions());
  const proposed: IdentityEntry[] = [];
  const propose = (data: Uint8Array): void =>
    void proposed.push(decodeIdentityEntry(decodeEnvelope(data, 1).payload, 1));
  const fix = new FixIdentity({
    state,
    clock: new SimulatedClock(),
    random: new SeededRandom(1),
    isLeader: () => true,
    unbound: () => new Map([[2n, 'c'.repeat(32)]]),
    toldBirth: () => toldBirth,
    core: {
      tryRun: (give) =>
        give({ basicStatus: () => ({ raftState: StateType.Leader }), propose } as never),
    },
  });
  return { fix, state, proposed };
}

it('a birth id that another leader has told is proposed, and no other', () => {
  const { fix, proposed } = leader('b'.repeat(32));
  fix.leads();
  expect(proposed.map(({ birth }) => birth)).toEqual(['b'.repeat(32)]);
});

it('the log of a member is bound once in a leadership, and anew in the next: it may have been lost', () => {
  const { fix, state, proposed } = leader();
  state.identity = { origin: undefined, birth: 'b'.repeat(32), previous: [] };
  fix.leads();
  fix.bind();
  expect(proposed.map(({ logIds }) => [...(logIds?.keys() ?? [])])).toEqual([[2n]]);
  fix.leads();
  expect(proposed).toHaveLength(2);
});

it('a caller that is woken while it must wait goes on to wait: another member leads, perhaps', async () => {
  let mustWait = true;
  let waits = 0;
  const gate = new IdentityGate(
    () => mustWait,
    () => void (waits += 1),
  );
  const passing = gate.pass(undefined);
  for (let turn = 0; turn < 2; turn += 1) {
    gate.changed();
    for (let step = 0; step < 10; step += 1) await Promise.resolve();
  }
  expect([gate.length, waits]).toEqual([1, 3]);
  mustWait = false;
  gate.changed();
  await passing;
});

it('the log of a member is proposed again where the core has refused it', () => {
  const state = new ReplicatedState(new PlainSessions());
  state.identity = { origin: undefined, birth: 'b'.repeat(32), previous: [] };
  let attempts = 0;
  const fix = new FixIdentity({
    state,
    clock: new SimulatedClock(),
    random: new SeededRandom(1),
    isLeader: () => true,
    unbound: () => new Map([[2n, 'c'.repeat(32)]]),
    toldBirth: () => undefined,
    core: { tryRun: () => void (attempts += 1) },
  });
  fix.leads();
  expect(attempts).toBe(1);
  fix.bind();
  expect(attempts).toBe(2);
});
