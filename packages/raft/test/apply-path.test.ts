/** The apply path by itself: what it leaves to others while it catches up. */
import { EntryType, type Entry } from '@babuza/raftpb';
import { SimulatedClock } from '@babuza/testkit';
import { expect, it } from 'vitest';
import { ApplyPath } from '../src/apply-path.ts';
import { encodeEnvelope, EnvelopeKind } from '../src/envelope.ts';
import { ReplicatedState } from '../src/replicated-state.ts';
import { bytesOf, ListMachine, PlainSessions } from './support.ts';

/** A clock of a machine on which every look at it costs three milliseconds. */
class SlowClock extends SimulatedClock {
  slept = 0;
  #lookedMs = 0;

  override monotonicMs(): number {
    this.#lookedMs += 3;
    return this.#lookedMs;
  }

  override async sleep(): Promise<void> {
    this.slept += 1;
  }
}

it('gives the event loop a turn now and then while a long log is caught up', async () => {
  const clock = new SlowClock();
  const state = new ReplicatedState(new PlainSessions());
  const machine = new ListMachine();
  const path = new ApplyPath({
    clock,
    state,
    stateMachine: machine,
    machineAppliedIndex: 0,
    syncCommit: async () => undefined,
    applyToCore: () => undefined,
    onOutcome: () => undefined,
    onMembership: () => undefined,
    onIdentity: () => undefined,
    onProgress: () => undefined,
    onFailure: (error) => {
      throw error;
    },
  });
  const data = encodeEnvelope({
    kind: EnvelopeKind.Payload,
    proposedAtMs: 0,
    payload: bytesOf('a'),
  });
  const entry = (index: number): Entry => ({ index, term: 1, type: EntryType.Normal, data });
  await new Promise<void>((resolve) => {
    for (let index = 1; index <= 100; index += 1) {
      path.apply([entry(index)], () => {
        if (index === 100) resolve();
      });
    }
  });
  await path.stop();
  expect(machine.texts).toHaveLength(100);
  expect(clock.slept).toBeGreaterThan(10);
  expect(clock.slept).toBeLessThan(50);
});
