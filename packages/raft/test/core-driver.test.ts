/** Calls into the Raft core: their errors, and the turn of the loop that follows each call. */
import type { RawNode } from '@babuza/raft-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { CoreDriver } from '../src/driver/core-driver.ts';

let failures: unknown[];
let wakes: number;
let stopCause: Error | undefined;
let core: CoreDriver;

const node = { status: () => 'the status' } as unknown as RawNode;

beforeEach(() => {
  [failures, wakes, stopCause] = [[], 0, undefined];
  core = new CoreDriver(node, {
    wake: () => void (wakes += 1),
    onFailure: (error) => void failures.push(error),
    stopCause: () => stopCause,
  });
});

const throwing = (error: unknown) => (): never => {
  throw error;
};
const withCode = (code: string): Error => Object.assign(new Error(code), { code });

describe('a call whose caller waits', () => {
  it('returns the result of the step, and asks for a turn of the loop', () => {
    expect(core.run((raft) => raft.status())).toBe('the status');
    expect(wakes).toBe(1);
  });

  it('whose error says that the core cannot go on stops the node, and its caller hears of it', () => {
    const panic = withCode('RAFT_CORE_PANIC');
    expect(() => core.run(throwing(panic))).toThrow(panic);
    expect(failures).toEqual([panic]);
    expect(wakes).toBe(1);
  });

  it('whose own error it is leaves the node running', () => {
    const refusal = withCode('RAFT_CORE_PROPOSAL_DROPPED');
    expect(() => core.run(throwing(refusal))).toThrow(refusal);
    expect(failures).toEqual([]);
  });

  it('is rejected with the reason of the stop where the node has stopped', () => {
    stopCause = new Error('the node has stopped');
    expect(() => core.run(throwing(withCode('RAFT_CORE_PANIC')))).toThrow(stopCause);
  });
});

describe('a call that no caller awaits', () => {
  it('is dropped where the core refuses it', () => {
    core.tryRun(throwing(withCode('RAFT_CORE_PROPOSAL_DROPPED')));
    expect(failures).toEqual([]);
    expect(wakes).toBe(1);
  });

  it.each([[undefined], [null], ['a text'], [{ code: 'RAFT_CORE_PROPOSAL_DROPPED' }]])(
    'that throws %s, which is no error of the core, stops the node with that',
    (given) => {
      core.tryRun(throwing(given));
      expect(failures).toEqual([given]);
    },
  );

  it('stops the node where the core cannot go on', () => {
    const panic = withCode('RAFT_CORE_PANIC');
    core.tryRun(throwing(panic));
    expect(failures).toContain(panic);
  });

  it('does not reach the core after the node has stopped', () => {
    stopCause = new Error('the node has stopped');
    let isReached = false;
    core.tryRun(() => void (isReached = true));
    expect([isReached, wakes, failures]).toEqual([false, 0, []]);
  });
});
