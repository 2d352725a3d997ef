/** The apply path by itself: it gives the event loop turns while it catches up. */
import { EntryType, type Entry } from '@babuza/raftpb';
import { SimulatedClock, turnOfEventLoop } from '@babuza/testkit';
import { beforeEach, expect, it } from 'vitest';
import { ApplyPath } from '../src/apply/apply-path.ts';
import { encodeEnvelope, EnvelopeKind } from '../src/proposals/envelope.ts';
import { ReplicatedState } from '../src/apply/replicated-state.ts';
import { bytesOf, ListMachine, newGate, PlainSessions } from './support.ts';

/** A clock on which each reading takes three milliseconds. */
class SlowClock extends SimulatedClock {
  slept = 0;
  #lookedMs = 0;

  override monotonicMs(): number {
    this.#lookedMs += 3;
    return this.#lookedMs;
  }

  /** Time passes without any work. */
  pass(ms: number): void {
    this.#lookedMs += ms;
  }

  override async sleep(_delayMs: number): Promise<void> {
    this.slept += 1;
  }
}

let clock: SlowClock;
let machine: ListMachine;

beforeEach(() => {
  clock = new SlowClock();
  machine = new ListMachine();
});

function newPath(): ApplyPath<undefined, string[]> {
  return new ApplyPath({
    clock,
    state: new ReplicatedState(new PlainSessions()),
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
}

const data = encodeEnvelope({
  kind: EnvelopeKind.Payload,
  proposedAtMs: 0,
  payload: bytesOf('a'),
});
const entry = (index: number): Entry => ({ index, term: 1, type: EntryType.Normal, data });

it('gives the event loop a turn now and then while a long log is caught up', async () => {
  const path = newPath();
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

it('applies nothing more before the event loop has had its turn', async () => {
  const gate = newGate();
  const path = newPath();
  const sleptMs: number[] = [];
  clock.sleep = (ms) => {
    sleptMs.push(ms);
    return gate.passed;
  };
  for (let index = 1; index <= 100; index += 1) path.apply([entry(index)], () => undefined);
  await turnOfEventLoop();
  const applied = machine.texts.length;
  expect(applied).toBeGreaterThan(0);
  expect(applied).toBeLessThan(10);
  expect(sleptMs).toEqual([0]);
  await turnOfEventLoop();
  expect(machine.texts).toHaveLength(applied);
  gate.open();
  await turnOfEventLoop();
  expect(machine.texts).toHaveLength(100);
});

it.each([
  [9, 0],
  [10, 1],
])('gives the event loop a turn from 10 ms on: after %i ms', async (tookMs, expected) => {
  let nowMs = 0;
  clock.monotonicMs = () => nowMs;
  const path = newPath();
  path.apply([entry(1)], () => void (nowMs += tookMs));
  await turnOfEventLoop();
  expect(clock.slept).toBe(expected);
});

it('does not take the time in which there was nothing to do for a long turn', async () => {
  const path = newPath();
  for (let index = 1; index <= 20; index += 1) {
    clock.pass(60_000);
    path.apply([entry(index)], () => undefined);
    await turnOfEventLoop();
  }
  expect([machine.texts.length, clock.slept]).toEqual([20, 0]);
});
