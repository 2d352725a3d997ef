/** The rules of sessions, one by one. */
import { describe, expect, it } from 'vitest';
import {
  ExpireSessionManager,
  LruSessionManager,
  NoopSessionManager,
  type ExpireSessionOptions,
  type LruSessionOptions,
} from '../src/index.ts';
import { bytesOf, callOf, codeOf, describeVerdict, propose } from './support.ts';

const minuteMs = 60_000;

describe.each([
  ['lru', (options?: LruSessionOptions) => new LruSessionManager(options)],
  ['expire', (options?: LruSessionOptions) => new ExpireSessionManager(options)],
] as const)('a session of %s', (_, create) => {
  it('applies a proposal once and repeats its result', () => {
    const manager = create();
    manager.register(7, 0);
    expect(manager.count).toBe(1);
    expect(propose(manager, callOf(7, 1), 1, 'first')).toBe('apply');
    expect(propose(manager, callOf(7, 1), 2, 'second')).toBe('duplicate first');
    expect(propose(manager, callOf(7, 2), 3)).toBe('apply');
  });

  it('accepts sequences in any order', () => {
    const manager = create();
    manager.register(7, 0);
    expect([5, 4, 1, 3, 2].map((sequence) => propose(manager, callOf(7, sequence), 1))).toEqual(
      Array.from({ length: 5 }, () => 'apply'),
    );
    expect(propose(manager, callOf(7, 4), 1)).toBe('duplicate 4');
  });

  it('reports an acknowledged sequence as stale, and drops its result', () => {
    const manager = create();
    manager.register(7, 0);
    for (const sequence of [1, 2, 3]) propose(manager, callOf(7, sequence), 1);
    const bytes = manager.encode().length;
    expect(propose(manager, callOf(7, 3, 3), 1)).toBe('duplicate 3');
    expect(manager.encode().length).toBeLessThan(bytes);
    expect(propose(manager, callOf(7, 2), 1)).toBe('stale');
    // A late proposal with a lower value does not lower it.
    expect(propose(manager, callOf(7, 1, 1), 1)).toBe('stale');
    expect(propose(manager, callOf(7, 4, 3), 1)).toBe('apply');
  });

  it('trusts a client that acknowledges its own sequence', () => {
    const manager = create();
    manager.register(7, 0);
    expect(propose(manager, callOf(7, 1, 9), 1)).toBe('stale');
    expect(propose(manager, callOf(7, 8), 1)).toBe('stale');
    expect(propose(manager, callOf(7, 9), 1)).toBe('apply');
    expect(propose(manager, callOf(7, 0), 1)).toBe('stale');
  });

  it('jumps any distance at once', () => {
    const manager = create();
    manager.register(7, 0);
    propose(manager, callOf(7, 1), 1);
    const far = Number.MAX_SAFE_INTEGER;
    expect(propose(manager, callOf(7, far, far), 1)).toBe('apply');
    expect(propose(manager, callOf(7, far, far), 1)).toBe(`duplicate ${far}`);
  });

  it('is full for a client that acknowledges nothing, until it does', () => {
    const manager = create({ resultsPerSessionMax: 3 });
    manager.register(7, 0);
    expect([2, 3, 4].map((sequence) => propose(manager, callOf(7, sequence), 1))).toEqual([
      'apply',
      'apply',
      'full',
    ]);
    // The lowest sequence is always accepted, whatever came before it.
    expect(propose(manager, callOf(7, 1), 1)).toBe('apply');
    expect(propose(manager, callOf(7, 4), 1)).toBe('full');
    expect(propose(manager, callOf(7, 4, 2), 1)).toBe('apply');
    expect(propose(manager, callOf(7, 4, 2), 1)).toBe('duplicate 4');
  });

  it('goes on one by one while others keep resultsMax results', () => {
    const manager = create({ sessionsMax: 2, resultsMax: 3 });
    manager.register(7, 0);
    manager.register(8, 0);
    // The client of session 7 acknowledges nothing.
    expect([2, 3, 4, 5].map((sequence) => propose(manager, callOf(7, sequence), 1))).toEqual([
      'apply',
      'apply',
      'apply',
      'full',
    ]);
    expect(propose(manager, callOf(8, 2), 1)).toBe('full');
    expect(propose(manager, callOf(8, 1), 1)).toBe('apply');
    expect(propose(manager, callOf(8, 2), 1)).toBe('full');
    expect(propose(manager, callOf(8, 2, 2), 1)).toBe('apply');
    expect(propose(manager, callOf(7, 1), 1)).toBe('apply');
    expect(propose(manager, callOf(7, 3), 1)).toBe('duplicate 3');
    // It acknowledges, and both may go ahead again.
    expect(propose(manager, callOf(7, 5, 5), 1)).toBe('apply');
    expect(propose(manager, callOf(8, 3, 2), 1)).toBe('apply');
    expect(propose(manager, callOf(8, 4, 2), 1)).toBe('full');
  });

  it.each(['ends', 'is pushed out', 'is forgotten'])('frees its results when it %s', (how) => {
    const manager = create({ sessionsMax: 2, resultsMax: 2 });
    manager.register(7, 0);
    for (const sequence of [1, 2]) propose(manager, callOf(7, sequence), 1);
    manager.register(8, 1);
    expect(propose(manager, callOf(8, 2), 1)).toBe('full');
    if (how === 'ends') manager.unregister(7, 1);
    else if (how === 'is pushed out') manager.register(9, 1);
    else {
      manager.restore();
      manager.register(8, 1);
    }
    expect(propose(manager, callOf(8, 2), 1)).toBe('apply');
    expect(propose(manager, callOf(8, 3), 1)).toBe('apply');
    expect(propose(manager, callOf(8, 4), 1)).toBe('full');
  });

  it('keeps only that a large result was lost', () => {
    const manager = create({ resultBytesMax: 4 });
    manager.register(7, 0);
    propose(manager, callOf(7, 1), 1, 'four');
    propose(manager, callOf(7, 2), 1, 'fives');
    expect(propose(manager, callOf(7, 1), 1)).toBe('duplicate four');
    expect(propose(manager, callOf(7, 2), 1)).toBe('duplicate lost');
  });

  it('keeps the absence of a result, and that it was lost', () => {
    const manager = create();
    manager.register(7, 0);
    for (const [sequence, lost] of [
      [1, false],
      [2, true],
    ] as const) {
      manager.judge(callOf(7, sequence), 1);
      manager.record(callOf(7, sequence), lost ? bytesOf('unsure') : undefined, lost);
    }
    expect(propose(manager, callOf(7, 1), 1)).toBe('duplicate');
    expect(propose(manager, callOf(7, 2), 1)).toBe('duplicate lost');
  });

  it('keeps a copy of a result, and returns copies', () => {
    const manager = create();
    manager.register(7, 0);
    const result = bytesOf('mine');
    manager.judge(callOf(7, 1), 1);
    manager.record(callOf(7, 1), result, false);
    result.fill(0);
    const again = manager.judge(callOf(7, 1), 1);
    if (again.kind === 'duplicate') again.result?.fill(0);
    expect(propose(manager, callOf(7, 1), 1)).toBe('duplicate mine');
  });

  it('does not know sessions that never existed or have ended', () => {
    const manager = create();
    manager.register(7, 0);
    expect(propose(manager, callOf(8, 1), 1)).toBe('expired');
    expect(manager.unregister(7, 1)).toBe(true);
    expect(manager.unregister(7, 1)).toBe(false);
    expect(propose(manager, callOf(7, 1), 1)).toBe('expired');
    expect(manager.count).toBe(0);
  });

  it('recognises a repetition before the result is recorded, and deciding ahead changes nothing else', () => {
    const manager = create();
    manager.register(7, 0);
    const [first, second] = [callOf(7, 1), callOf(7, 2, 2)];
    expect(describeVerdict(manager.judge(first, 1))).toBe('apply');
    expect(describeVerdict(manager.judge(first, 1))).toBe('pending');
    expect(describeVerdict(manager.judge(second, 1))).toBe('apply');
    expect(codeOf(() => manager.encode())).toBe('SESSION_INVALID');
    manager.record(first, undefined, false); // answered meanwhile: nobody asks any more
    expect(codeOf(() => manager.encode())).toBe('SESSION_INVALID');
    manager.record(second, bytesOf('two'), false);
    expect(describeVerdict(manager.judge(second, 1))).toBe('duplicate two');
    manager.unregister(7, 1);
    manager.record(second, undefined, false);
    expect(manager.count).toBe(0);
  });

  it('ends at a restore without bytes, and the manager is like a new one', () => {
    const manager = create();
    manager.register(7, 1000);
    propose(manager, callOf(7, 1), 1001);
    manager.restore();
    expect(manager.encode()).toEqual(create().encode());
  });

  it('refuses mistakes of its caller', () => {
    const manager = create();
    manager.register(7, 0);
    propose(manager, callOf(7, 1), 1);
    expect(codeOf(() => manager.register(7, 1))).toBe('SESSION_INVALID');
    expect(codeOf(() => manager.register(0, 1))).toBe('SESSION_INVALID');
    expect(codeOf(() => manager.register(8, -1))).toBe('SESSION_INVALID');
    expect(codeOf(() => manager.judge(callOf(7, 0.5), 1))).toBe('SESSION_INVALID');
    expect(codeOf(() => manager.judge(callOf(7, 2), NaN))).toBe('SESSION_INVALID');
    expect(codeOf(() => manager.record(callOf(7, 1), undefined, false))).toBe('SESSION_INVALID');
    expect(codeOf(() => manager.record(callOf(7, 2), undefined, false))).toBe('SESSION_INVALID');
    manager.judge(callOf(7, 2), 1);
    for (const result of ['text', 5, null, [1]]) {
      const record = () => manager.record(callOf(7, 2), result as never, false);
      expect(codeOf(record)).toBe('SESSION_INVALID');
    }
  });

  it.each<[unknown, RegExp]>([
    [{ sessionsMax: 0 }, /sessionsMax is 0.*at least 1/],
    [{ resultsPerSessionMax: 0.5 }, /resultsPerSessionMax is 0\.5/],
    [{ resultsMax: Infinity }, /resultsMax is Infinity/],
    [{ resultBytesMax: -1 }, /resultBytesMax is -1/],
    [{ sessionsMax: '7' }, /sessionsMax is '7'.*number/],
    [{ resultsPerSession: 7 }, /resultsPerSession\b/],
    [null, /null/],
    [7, /object/],
    // 60 bytes, a session of 28, and two results of 13 and their content: 256 MiB and 2 bytes.
    [{ sessionsMax: 1, resultsMax: 1, resultBytesMax: 134_217_672 }, /268435458.* 268435456/],
  ])('refuses options that make no sense: %j', (options, message) => {
    const createAny = () => create(options as never);
    expect(codeOf(createAny)).toBe('SESSION_INVALID');
    expect(createAny).toThrow(message);
  });

  it('allows just as much as fits a snapshot', () => {
    const limits = { sessionsMax: 1, resultsMax: 1, resultBytesMax: 134_217_671 };
    expect(create(limits).count).toBe(0);
  });
});

describe('LruSessionManager', () => {
  it('ends the least recently used session', () => {
    const manager = new LruSessionManager({ sessionsMax: 2 });
    manager.register(1, 0);
    manager.register(2, 0);
    propose(manager, callOf(1, 1), 0);
    manager.register(3, 0);
    expect(manager.count).toBe(2);
    expect([1, 2, 3].map((id) => propose(manager, callOf(id, 2), 0))).toEqual([
      'apply',
      'expired',
      'apply',
    ]);
  });

  it('counts every proposal as a use, even one that is not applied', () => {
    const manager = new LruSessionManager({ sessionsMax: 2, resultsPerSessionMax: 1 });
    for (const [sequence, lowestUnanswered] of [
      [1, 1],
      [2, 1],
      [1, 2],
    ] as const) {
      manager.restore();
      manager.register(1, 0);
      propose(manager, callOf(1, 1), 0);
      manager.register(2, 0);
      expect(propose(manager, callOf(1, sequence, lowestUnanswered), 0)).not.toBe('apply');
      manager.register(3, 0);
      expect(propose(manager, callOf(2, 1), 0)).toBe('expired');
    }
  });

  it('ends no session by time', () => {
    const options: LruSessionOptions & { expireMs: number } = { expireMs: 1000 };
    expect(codeOf(() => new LruSessionManager(options))).toBe('SESSION_INVALID');
    expect(() => new LruSessionManager(options)).toThrow(
      /option expireMs is unknown .*options are: sessionsMax, resultsPerSessionMax, resultsMax, resultBytesMax$/,
    );
  });

  it('keeps 128 sessions by default, however old', () => {
    const manager = new LruSessionManager();
    for (let id = 1; id <= 200; id += 1) manager.register(id, id * 365 * 24 * 60 * minuteMs);
    expect(manager.count).toBe(128);
    expect(manager.unregister(72, 0)).toBe(false);
    expect(manager.unregister(73, 0)).toBe(true);
  });
});

describe('ExpireSessionManager', () => {
  it('ends sessions that were not used for half an hour of the log', () => {
    const manager = new ExpireSessionManager();
    manager.register(1, 0);
    manager.register(2, 0);
    expect(propose(manager, callOf(1, 1), 30 * minuteMs)).toBe('apply');
    expect(manager.count).toBe(2);
    expect(propose(manager, callOf(2, 1), 30 * minuteMs + 1)).toBe('expired');
    expect(propose(manager, callOf(1, 1), 60 * minuteMs)).toBe('duplicate 1');
    expect(propose(manager, callOf(1, 1), 90 * minuteMs + 1)).toBe('expired');
    expect(manager.count).toBe(0);
  });

  it('does not let time go back', () => {
    const manager = new ExpireSessionManager({ expireMs: 10 });
    manager.register(1, 100);
    // The clock of this leader is behind, so the use counts at time 100.
    expect(propose(manager, callOf(1, 1), 50)).toBe('apply');
    expect(propose(manager, callOf(1, 1), 110)).toBe('duplicate 1');
    manager.register(2, 60);
    expect(propose(manager, callOf(2, 1), 120)).toBe('apply');
    expect(propose(manager, callOf(1, 1), 121)).toBe('expired');
  });

  it('limits clients that register without end', () => {
    const manager = new ExpireSessionManager({ sessionsMax: 3 });
    for (let id = 1; id <= 10; id += 1) manager.register(id, 0);
    expect(manager.count).toBe(3);
    expect(propose(manager, callOf(7, 1), 0)).toBe('expired');
    expect(propose(manager, callOf(8, 1), 0)).toBe('apply');
  });

  it('keeps 16,384 sessions by default', () => {
    const manager = new ExpireSessionManager();
    for (let id = 1; id <= 16_385; id += 1) manager.register(id, 0);
    expect(manager.count).toBe(16_384);
    expect(manager.unregister(1, 0)).toBe(false);
  });

  it('names all of its options when it gets an unknown one', () => {
    const options: ExpireSessionOptions & { expireAfterMs: number } = { expireAfterMs: 1000 };
    expect(() => new ExpireSessionManager(options)).toThrow(
      /option expireAfterMs is unknown .*: sessionsMax, resultsPerSessionMax, resultsMax, resultBytesMax, expireMs$/,
    );
  });

  it('refuses an invalid time', () => {
    expect(codeOf(() => new ExpireSessionManager({ expireMs: 0 }))).toBe('SESSION_INVALID');
  });
});

describe('NoopSessionManager', () => {
  it('applies everything, even what was applied before', () => {
    const manager = new NoopSessionManager();
    manager.register();
    expect(manager.judge()).toEqual({ kind: 'apply' });
    manager.record();
    expect(manager.judge()).toEqual({ kind: 'apply' });
    expect(manager.unregister()).toBe(true);
    expect(manager.count).toBe(0);
  });
});
