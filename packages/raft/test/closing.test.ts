/**
 * Closing the components of a node: one after the other, once each, even when some of them hang.
 */
import { SimulatedClock } from '@babuza/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { closeInOrder, closingSteps, type ClosingStep } from '../src/start/closing.ts';
import { newGate, type Gate } from './support.ts';

const timeoutMs = 1000;
/** The remaining components have this long after the timeout. */
const graceMs = 1000;

let clock: SimulatedClock;
let log: string[];
let gates: Map<string, Gate>;

beforeEach(() => {
  clock = new SimulatedClock();
  [log, gates] = [[], new Map()];
});

/** A component that begins to close and then ends, or waits for its gate first. */
function step(name: string, after: readonly string[] = []): ClosingStep {
  return {
    name,
    after,
    close: async () => {
      log.push(name);
      await gates.get(name)?.passed;
      log.push(`${name} ended`);
    },
  };
}

function hang(...names: readonly string[]): void {
  for (const name of names) gates.set(name, newGate());
}

function close(
  steps: readonly ClosingStep[],
  limitMs = timeoutMs,
): { left: readonly string[] | undefined; errors: string[] } {
  const noted: { left: readonly string[] | undefined; errors: string[] } = {
    left: undefined,
    errors: [],
  };
  const onError = (name: string, error: unknown): void =>
    void noted.errors.push(`${name}: ${String(error)}`);
  void closeInOrder(steps, { clock, timeoutMs: limitMs, onError }).then((left) => {
    noted.left = left;
  });
  return noted;
}

describe('parts', () => {
  it('are closed one after the other, and no timer goes on', async () => {
    hang('a');
    const noted = close([step('a'), step('b'), step('c')]);
    await clock.advance(timeoutMs - 1);
    expect(log).toEqual(['a']);
    gates.get('a')?.open();
    await clock.advance(0);
    expect(log).toEqual(['a', 'a ended', 'b', 'b ended', 'c', 'c ended']);
    expect([noted.left, clock.pendingCount]).toEqual([[], 0]);
  });

  it('of which one fails count as ended, and the others are closed', async () => {
    const failing = (name: string, close: () => Promise<void>): ClosingStep => ({ name, close });
    const throwing = (): never => {
      throw new Error('it throws');
    };
    const noted = close([
      step('a'),
      failing('b', () => Promise.reject(new Error('it rejects'))),
      failing('c', throwing),
      step('d'),
    ]);
    await clock.advance(0);
    expect([noted.left, noted.errors]).toEqual([
      [],
      ['b: Error: it rejects', 'c: Error: it throws'],
    ]);
    expect(log.at(-1)).toBe('d ended');
  });
});

describe('a part that hangs', () => {
  it('keeps the others open until the timeout, which are then closed at once', async () => {
    hang('a');
    const noted = close([step('a'), step('b'), step('c')]);
    await clock.advance(timeoutMs - 1);
    expect(log).toEqual(['a']);
    await clock.advance(1);
    expect(log).toEqual(['a', 'b', 'c', 'b ended', 'c ended']);
    expect(noted.left).toBeUndefined();
    await clock.advance(graceMs - 1);
    expect(noted.left).toBeUndefined();
    await clock.advance(1);
    expect([noted.left, clock.pendingCount]).toEqual([['a'], 0]);
  });

  it('is closed once, also where it ends within the time that it has after the timeout', async () => {
    hang('a');
    const noted = close([step('a'), step('b')]);
    await clock.advance(timeoutMs);
    gates.get('a')?.open();
    await clock.advance(0);
    expect(log.filter((line) => line === 'a')).toHaveLength(1);
    expect([noted.left, clock.pendingCount]).toEqual([[], 0]);
  });

  it('is waited for without end where there is no limit', async () => {
    hang('a');
    const noted = close([step('a'), step('b')], Infinity);
    await clock.advance(1e9);
    expect([log, noted.left]).toEqual([['a'], undefined]);
    gates.get('a')?.open();
    await clock.advance(0);
    expect(noted.left).toEqual([]);
  });

  it('keeps those closed that must not run beside it, also when it ends too late', async () => {
    hang('saving');
    const noted = close([step('saving'), step('machine', ['saving']), step('log')]);
    await clock.advance(timeoutMs + graceMs);
    expect([noted.left, log]).toEqual([
      ['saving', 'machine'],
      ['saving', 'log', 'log ended'],
    ]);
    gates.get('saving')?.open();
    await clock.advance(0);
    // The caller was told that the state machine did not close.
    expect(log).not.toContain('machine');
  });
});

describe('the parts of a node', () => {
  it('end in this order: nothing arrives, nothing is applied, all is given back, the log last', async () => {
    const part = (name: string) => async (): Promise<void> => {
      await Promise.resolve();
      log.push(name);
    };
    const steps = closingSteps(
      {
        apply: { stop: part('apply') },
        snapshots: { saved: part('saved') },
        stateMachine: { close: part('machine') },
        identity: { stop: part('identity') },
      },
      {
        transport: { close: part('transport') },
        snapshotManager: { close: part('snapshots') },
        walManager: { close: part('log') },
      } as never,
    );
    const noted = close(steps);
    await clock.advance(0);
    expect(log).toEqual(['transport', 'apply', 'identity', 'snapshots', 'saved', 'machine', 'log']);
    expect(noted.left).toEqual([]);
    const machine = steps.find(({ name }) => name.includes('(close)'));
    const others = steps.filter(({ name }) => machine?.after?.includes(name));
    expect(others).toHaveLength(2);
  });
});
