/** The bounds of one session, of all sessions together, and of their encoded state. */
import { describe, expect, it } from 'vitest';
import { ExpireSessionManager, LruSessionManager } from '../src/index.ts';
import { callOf, codeOf, propose } from './support.ts';

const mebibyte = 1024 * 1024;

describe('the results of all sessions together', () => {
  it('have space again in the same call with which a client acknowledges results', () => {
    const sessions = new LruSessionManager({ resultsMax: 3 });
    for (const id of [1, 2]) sessions.register(id, 0);
    for (const sequence of [1, 2]) propose(sessions, callOf(1, sequence), 0);
    propose(sessions, callOf(2, 1), 0);
    // All three results are used. The client acknowledges its two and goes on two ahead.
    expect(propose(sessions, callOf(1, 4, 3), 0)).toBe('apply');
    expect(propose(sessions, callOf(1, 3, 3), 0)).toBe('apply');
    expect(propose(sessions, callOf(1, 5, 3), 0)).toBe('full');
  });

  it('are counted the same when proposals were refused meanwhile', () => {
    const sessions = new LruSessionManager({ resultsMax: 4, resultsPerSessionMax: 2 });
    sessions.register(1, 0);
    for (let count = 0; count < 10; count += 1) {
      expect(propose(sessions, callOf(1, 3), 0)).toBe('full');
      expect(propose(sessions, callOf(1, 0), 0)).toBe('stale');
    }
    for (const sequence of [1, 2]) {
      expect(propose(sessions, callOf(1, sequence), 0)).toBe('apply');
      expect(propose(sessions, callOf(1, sequence), 0)).toBe(`duplicate ${sequence}`);
    }
  });
});

describe('the order of sessions', () => {
  it('is kept when the most recently used one ends first', () => {
    const sessions = new LruSessionManager({ sessionsMax: 3 });
    for (const id of [1, 2]) sessions.register(id, 0);
    expect(sessions.unregister(2, 0)).toBe(true);
    for (const id of [3, 4]) sessions.register(id, 0);
    const other = new LruSessionManager({ sessionsMax: 3 });
    other.restore(sessions.encode());
    for (const each of [sessions, other]) {
      expect(each.count).toBe(3);
      // Session 1 is the oldest one, then session 3.
      for (const id of [5, 6]) each.register(id, 0);
      expect([1, 3, 4, 5, 6].map((id) => propose(each, callOf(id, 1), 0))).toEqual([
        'expired',
        'expired',
        'apply',
        'apply',
        'apply',
      ]);
    }
  });
});

describe('by default', () => {
  it.each([
    [1024, 'apply'],
    [1025, 'full'],
  ])('a session takes sequence %i, while 1 is unanswered: %s', (sequence, verdict) => {
    for (const sessions of [new LruSessionManager(), new ExpireSessionManager()]) {
      sessions.register(1, 0);
      expect(propose(sessions, callOf(1, sequence), 0)).toBe(verdict);
    }
  });

  it.each([
    [4096, `duplicate ${'x'.repeat(4096)}`],
    [4097, 'duplicate lost'],
  ])('a result of %i bytes is kept, or only that there was one', (bytes, answer) => {
    const sessions = new LruSessionManager();
    sessions.register(1, 0);
    propose(sessions, callOf(1, 1), 0, 'x'.repeat(bytes));
    expect(propose(sessions, callOf(1, 1), 0)).toBe(answer);
  });

  it('16,384 results are kept, then one at a time for each session', () => {
    const sessions = new LruSessionManager();
    for (let id = 1; id <= 18; id += 1) sessions.register(id, 0);
    for (let id = 1; id <= 16; id += 1) {
      for (let sequence = 1; sequence <= 1024; sequence += 1) {
        if (id === 16 && sequence === 1024) break;
        propose(sessions, callOf(id, sequence), 0, '');
      }
    }
    // One result is left.
    expect(propose(sessions, callOf(17, 2), 0)).toBe('apply');
    expect(propose(sessions, callOf(17, 3), 0)).toBe('full');
    expect(propose(sessions, callOf(18, 2), 0)).toBe('full');
    expect(propose(sessions, callOf(18, 1), 0)).toBe('apply');
  });
});

describe('what all sessions may take in a snapshot', () => {
  it.each([
    [{ sessionsMax: 2, resultsMax: 27, resultBytesMax: 9_256_378 }, 256 * mebibyte - 1],
    [{ sessionsMax: 1, resultsMax: 1, resultBytesMax: 134_217_671 }, 256 * mebibyte],
    [{ sessionsMax: 2, resultsMax: 1, resultBytesMax: 89_478_434 }, 256 * mebibyte + 1],
  ])('%o, up to %i bytes', (limits, bytes) => {
    const { sessionsMax, resultsMax, resultBytesMax } = limits;
    const results = resultsMax + sessionsMax;
    expect(60 + sessionsMax * 28 + results * (13 + resultBytesMax)).toBe(bytes);
    const isAllowed = bytes <= 256 * mebibyte;
    for (const make of [
      () => new LruSessionManager(limits),
      () => new ExpireSessionManager(limits),
    ]) {
      expect(codeOf(make)).toBe(isAllowed ? 'nothing was thrown' : 'SESSION_INVALID');
    }
  });
});

describe('a state whose last sequence is', () => {
  it.each([
    [9, 'nothing was thrown'],
    [10, 'SESSION_CORRUPT'],
  ])('%i, in a window of 8 from 2 on: %s', (sequence, code) => {
    const limits = { resultsPerSessionMax: 8 };
    const sessions = new LruSessionManager(limits);
    sessions.register(1, 0);
    propose(sessions, callOf(1, 9, 2), 0, '');
    const bytes = sessions.encode();
    const lastSequence = 60 + 28;
    expect(bytes[lastSequence]).toBe(9);
    bytes[lastSequence] = sequence;
    expect(codeOf(() => new LruSessionManager(limits).restore(bytes))).toBe(code);
  });
});
