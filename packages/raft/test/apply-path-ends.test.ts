/** The apply path: it runs one task at a time; how it ends. */
import { EntryType, type Entry } from '@babuza/raftpb';
import { SimulatedClock } from '@babuza/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { ApplyPath } from '../src/apply/apply-path.ts';
import { encodeEnvelope, EnvelopeKind } from '../src/proposals/envelope.ts';
import { ReplicatedState } from '../src/apply/replicated-state.ts';
import { bytesOf, ListMachine, newGate, PlainSessions } from './support.ts';

let machine: ListMachine;
let failures: unknown[];
let log: string[];
let state: ReplicatedState;
let path: ApplyPath<undefined, string[]>;

beforeEach(() => {
  machine = new ListMachine();
  [failures, log] = [[], []];
  state = new ReplicatedState(new PlainSessions());
  path = new ApplyPath({
    clock: new SimulatedClock(),
    state,
    stateMachine: machine,
    machineAppliedIndex: 0,
    syncCommit: async () => undefined,
    applyToCore: () => undefined,
    onOutcome: ({ index }) => log.push(`outcome ${index}`),
    onMembership: () => undefined,
    onIdentity: () => undefined,
    onProgress: () => log.push(`progress ${state.appliedIndex}`),
    onFailure: (error) => failures.push(error),
  });
});

function entry(index: number, text: string): Entry {
  const payload = bytesOf(text);
  const data = encodeEnvelope({ kind: EnvelopeKind.Payload, proposedAtMs: 0, payload });
  return { index, term: 1, type: EntryType.Normal, data };
}

const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

describe('tasks', () => {
  it('run one after the other, also where one waits', async () => {
    const gate = newGate();
    path.run(async () => {
      log.push('begins');
      await gate.passed;
      log.push('ends');
    });
    path.apply([entry(1, 'a')], () => log.push('done'));
    path.run(() => void log.push('last'));
    await turn();
    expect(log).toEqual(['begins']);
    gate.open();
    await turn();
    expect(log).toEqual(['begins', 'ends', 'outcome 1', 'done', 'progress 1', 'last']);
  });

  it('run also after all before them have ended', async () => {
    path.apply([entry(1, 'a')], () => undefined);
    await turn();
    path.apply([entry(2, 'b')], () => undefined);
    await turn();
    expect(machine.texts).toEqual(['a', 'b']);
  });

  it('may ask for others while they run', async () => {
    path.run(() => path.run(() => void log.push('inner')));
    await turn();
    expect(log).toEqual(['inner']);
  });
});

describe('a task that fails', () => {
  it('stops the node once, and nothing behind it is applied or answered', async () => {
    let done = 0;
    path.apply([entry(1, 'a')], () => void (done += 1));
    path.apply([entry(2, '!')], () => void (done += 1));
    path.apply([entry(3, 'c')], () => void (done += 1));
    await turn();
    path.apply([entry(4, 'd')], () => void (done += 1));
    await turn();
    expect([failures.length, done, machine.texts]).toEqual([1, 1, ['a']]);
    expect(state.appliedIndex).toBe(1);
  });
});

describe('the end', () => {
  it('waits for the task under way, and begins no other', async () => {
    const gate = newGate();
    path.run(() => gate.passed);
    path.run(() => void log.push('too late'));
    let isStopped = false;
    const stopping = path.stop().then(() => (isStopped = true));
    await turn();
    expect(isStopped).toBe(false);
    path.run(() => void log.push('much too late'));
    gate.open();
    await stopping;
    await turn();
    expect([log, failures]).toEqual([[], []]);
  });
});
