/** The limits of sessions: at each limit, one below and one above, and several at once. */
import { describe, expect, it } from 'vitest';
import { ExpireSessionManager, LruSessionManager } from '../src/index.ts';
import { bytesOf, callOf, codeOf, hexOf, propose } from './support.ts';

describe('the end of sessions by time', () => {
  const manager = (): ExpireSessionManager => new ExpireSessionManager({ expireMs: 100 });

  it.each([
    [99, true],
    [100, true],
    [101, false],
  ])('%i ms behind their last use: still there: %s', (afterMs, isThere) => {
    const sessions = manager();
    sessions.register(1, 1000);
    propose(sessions, callOf(1, 1), 1050);
    expect(codeOf(() => sessions.register(1, 1050 + afterMs))).toBe(
      isThere ? 'SESSION_INVALID' : 'nothing was thrown',
    );
  });

  it('ends all sessions that are too old in one call of any kind', () => {
    const calls: ((sessions: ExpireSessionManager, timeMs: number) => unknown)[] = [
      (sessions, timeMs) => sessions.register(9, timeMs),
      (sessions, timeMs) => sessions.unregister(9, timeMs),
      (sessions, timeMs) => sessions.judge(callOf(9, 1), timeMs),
    ];
    for (const [at, call] of calls.entries()) {
      const sessions = manager();
      for (const id of [1, 2, 3, 4]) sessions.register(id, id);
      call(sessions, 103);
      // Session 3 was used 100 ms ago, and session 2 101 ms.
      expect(sessions.count).toBe(at === 0 ? 3 : 2);
    }
  });

  it('comes before a later unregistration by the client', () => {
    const sessions = manager();
    sessions.register(1, 0);
    expect(sessions.unregister(1, 101)).toBe(false);
    sessions.register(2, 101);
    expect(sessions.unregister(2, 201)).toBe(true);
  });

  it('frees the results of the sessions that ended', () => {
    const sessions = new ExpireSessionManager({ expireMs: 100, resultsMax: 2 });
    for (let round = 0; round < 5; round += 1) {
      const timeMs = 1000 * round;
      sessions.register(round + 1, timeMs);
      for (const sequence of [1, 2]) {
        expect(propose(sessions, callOf(round + 1, sequence), timeMs)).toBe('apply');
      }
    }
  });
});

describe('the window of a session', () => {
  it.each([
    [3, 'apply'],
    [4, 'apply'],
    [5, 'full'],
  ])('of 4 results takes sequence %i: %s', (sequence, verdict) => {
    const sessions = new LruSessionManager({ resultsPerSessionMax: 4 });
    sessions.register(1, 0);
    expect(propose(sessions, callOf(1, sequence), 0)).toBe(verdict);
  });

  it('keeps its lowest unanswered sequence, however that was reached', () => {
    for (const lowest of [2, 3, 7, 8, 9, 100]) {
      const sessions = new LruSessionManager({ resultsPerSessionMax: 200 });
      sessions.register(1, 0);
      for (let sequence = 1; sequence <= 8; sequence += 1) {
        propose(sessions, callOf(1, sequence), 0);
      }
      propose(sessions, callOf(1, 150, lowest), 0);
      for (let sequence = 1; sequence <= 8; sequence += 1) {
        const expected = sequence < lowest ? 'stale' : `duplicate ${sequence}`;
        expect(propose(sessions, callOf(1, sequence, lowest), 0)).toBe(expected);
      }
      // A lower value changes nothing.
      expect(propose(sessions, callOf(1, lowest - 1, 1), 0)).toBe('stale');
    }
  });
});

describe('the lowest unanswered sequence of a client', () => {
  it('may be 0 when it has no answer yet', () => {
    const sessions = new LruSessionManager();
    sessions.register(1, 0);
    expect(propose(sessions, callOf(1, 1, 0), 0)).toBe('apply');
    expect(propose(sessions, callOf(1, 1, 0), 0)).toBe('duplicate 1');
  });

  it.each([2, 3, 4, 5, 8, 9, 10])(
    'leaves the same bytes as in a session without the results below %i',
    (lowest) => {
      const [one, other] = [new LruSessionManager(), new LruSessionManager()];
      for (const sessions of [one, other]) sessions.register(1, 0);
      for (const sequence of [1, 2, 3, 9]) {
        propose(one, callOf(1, sequence), 0);
        if (sequence >= lowest) propose(other, callOf(1, sequence, lowest), 0);
      }
      for (const sessions of [one, other]) propose(sessions, callOf(1, lowest, lowest), 0);
      expect(hexOf(one.encode())).toBe(hexOf(other.encode()));
    },
  );

  it('frees results of all sessions, however far ahead it is', () => {
    for (const lowest of [4, 1000]) {
      const sessions = new LruSessionManager({ resultsMax: 3 });
      sessions.register(1, 0);
      for (const sequence of [1, 2, 3]) propose(sessions, callOf(1, sequence), 0);
      expect(propose(sessions, callOf(1, 4), 0)).toBe('full');
      for (const sequence of [0, 1, 2]) {
        expect(propose(sessions, callOf(1, lowest + sequence, lowest), 0)).toBe('apply');
      }
      expect(propose(sessions, callOf(1, lowest + 3, lowest), 0)).toBe('full');
    }
  });
});

describe('the results of all sessions together', () => {
  it.each([
    [2, 'apply'],
    [3, 'full'],
    [4, 'full'],
  ])('of 3 at most, with %i elsewhere, give a session a second one: %s', (elsewhere, verdict) => {
    const sessions = new LruSessionManager({ resultsMax: 3 });
    for (const id of [1, 2, 3, 4, 5]) sessions.register(id, 0);
    for (let id = 2; id <= elsewhere; id += 1) propose(sessions, callOf(id, 1), 0);
    expect(propose(sessions, callOf(1, 1), 0)).toBe('apply');
    expect(propose(sessions, callOf(1, 2), 0)).toBe(verdict);
  });

  it('are the same after a restore, even into a manager that had other sessions', () => {
    const one = new LruSessionManager({ resultsMax: 4 });
    const other = new LruSessionManager({ resultsMax: 4 });
    for (const sessions of [one, other]) for (const id of [1, 2]) sessions.register(id, 0);
    for (const sequence of [1, 2, 3]) propose(one, callOf(1, sequence), 0);
    propose(other, callOf(2, 1), 0);
    other.restore(one.encode());
    for (const sequence of [4, 5]) {
      const verdict = propose(one, callOf(1, sequence), 0);
      expect(propose(other, callOf(1, sequence), 0)).toBe(verdict);
    }
    expect(propose(other, callOf(1, 5), 0)).toBe('full');
    expect(hexOf(other.encode())).toBe(hexOf(one.encode()));
  });
});

describe('numbers above 32 bits', () => {
  const above = 2 ** 32;
  const largest = Number.MAX_SAFE_INTEGER;

  it.each([above - 1, above, above + 1, 2 ** 40 + 3, largest - 1])(
    'are ids, times and sequences, and survive encoding: %i',
    (number) => {
      const sessions = new ExpireSessionManager({ expireMs: largest });
      sessions.register(number, number);
      propose(sessions, callOf(number, number, number), number, 'large');
      const other = new ExpireSessionManager({ expireMs: largest });
      other.restore(sessions.encode());
      expect(propose(other, callOf(number, number, number), number)).toBe('duplicate large');
      expect(propose(other, callOf(number, number - 1, number), number)).toBe('stale');
      expect(hexOf(other.encode())).toBe(hexOf(sessions.encode()));
    },
  );
});

describe('a result', () => {
  it.each([
    [3, 'duplicate xxx'],
    [4, 'duplicate xxxx'],
    [5, 'duplicate lost'],
  ])('of %i bytes, where 4 are kept, is answered again as: %s', (bytes, answer) => {
    const sessions = new LruSessionManager({ resultBytesMax: 4 });
    sessions.register(1, 0);
    propose(sessions, callOf(1, 1), 0, 'x'.repeat(bytes));
    expect(propose(sessions, callOf(1, 1), 0)).toBe(answer);
    sessions.restore(sessions.encode());
    expect(propose(sessions, callOf(1, 1), 0)).toBe(answer);
  });

  it('must be recorded before the sessions are encoded', () => {
    const sessions = new LruSessionManager();
    sessions.register(1, 0);
    sessions.judge(callOf(1, 1), 0);
    expect(codeOf(() => sessions.encode())).toBe('SESSION_INVALID');
    sessions.record(callOf(1, 1), bytesOf('x'), false);
    expect(codeOf(() => sessions.encode())).toBe('nothing was thrown');
  });

  it('is recorded once, and a second one or an unexpected one is refused', () => {
    const sessions = new LruSessionManager();
    sessions.register(1, 0);
    const record = (sequence: number): unknown =>
      codeOf(() => sessions.record(callOf(1, sequence), bytesOf('x'), false));
    expect(record(1)).toBe('SESSION_INVALID');
    sessions.judge(callOf(1, 1), 0);
    expect([record(1), record(1)]).toEqual(['nothing was thrown', 'SESSION_INVALID']);
    sessions.judge(callOf(1, 2), 0);
    sessions.judge(callOf(1, 3, 3), 0);
    // The client acknowledged sequence 2 before the node recorded its result.
    expect([record(2), record(3)]).toEqual(['nothing was thrown', 'nothing was thrown']);
  });
});

describe('the smallest limits', () => {
  it('keep that an empty result was empty, and that a longer one was lost', () => {
    const sessions = new LruSessionManager({ resultBytesMax: 0 });
    sessions.register(1, 0);
    propose(sessions, callOf(1, 1), 0, '');
    propose(sessions, callOf(1, 2), 0, 'x');
    expect(propose(sessions, callOf(1, 1), 0)).toBe('duplicate ');
    expect(propose(sessions, callOf(1, 2), 0)).toBe('duplicate lost');
  });

  it('end a session that was not used for more than one millisecond', () => {
    const sessions = new ExpireSessionManager({ expireMs: 1 });
    sessions.register(1, 0);
    expect(propose(sessions, callOf(1, 1), 1)).toBe('apply');
    expect(propose(sessions, callOf(1, 1), 3)).toBe('expired');
  });
});
