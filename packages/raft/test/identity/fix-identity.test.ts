import { SeededRandom, SimulatedClock } from '@babuza/testkit';
import { expect, it } from 'vitest';
import { FixIdentity } from '../../src/identity/fix-identity.ts';
import { IdentityGate } from '../../src/identity/identity-gate.ts';
import { ReplicatedState } from '../../src/replicated-state.ts';
import { PlainSessions } from '../support.ts';

it('a birth id that the core has refused is proposed again when somebody waits for it', async () => {
  const state = new ReplicatedState(new PlainSessions());
  let attempts = 0;
  const fix = new FixIdentity({
    state,
    clock: new SimulatedClock(),
    random: new SeededRandom(1),
    isLeader: () => true,
    unbound: () => new Map(),
    toldBirth: () => undefined,
    // Refused: a leadership transfer is under way, for instance.
    attempt: () => {
      attempts += 1;
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
