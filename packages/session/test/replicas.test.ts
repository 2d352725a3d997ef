/**
 * Replicas that apply the same log end in the same state: one applies entry by entry, one decides
 * ahead in batches, and one is discarded at any moment and restored from a snapshot of another.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SessionCall } from '@babuza/raft';
import type { SessionManager } from '@babuza/raft/ports';
import { ExpireSessionManager, LruSessionManager } from '../src/index.ts';
import { bytesOf, describeVerdict, hexOf } from './support.ts';

type LogEntry =
  | { readonly kind: 'register' | 'unregister'; readonly id: number; readonly timeMs: number }
  | { readonly kind: 'propose'; readonly call: SessionCall; readonly timeMs: number };

const entry = fc.record({
  kind: fc.oneof(
    { arbitrary: fc.constant('propose' as const), weight: 8 },
    { arbitrary: fc.constant('register' as const), weight: 2 },
    { arbitrary: fc.constant('unregister' as const), weight: 1 },
  ),
  id: fc.nat(5),
  sequence: fc.nat(12),
  lowest: fc.nat(9),
  passesMs: fc.nat(6),
  /** Whether the second replica records its results here, and whether the third one is restored. */
  pause: fc.boolean(),
});

type Drawn = typeof entry extends fc.Arbitrary<infer Value> ? Value : never;

const entries = fc.array(entry, { maxLength: 100, size: 'max' });

/** A random log. Registrations have new ids, and proposals use one of the last sessions or none. */
function logOf(drawn: readonly Drawn[]): LogEntry[] {
  let timeMs = 0;
  return drawn.map(({ kind, id, sequence, lowest, passesMs }, at) => {
    timeMs += passesMs;
    const registrations = drawn
      .slice(0, at)
      .flatMap((other, index) => (other.kind === 'register' ? [index + 1] : []));
    const sessionId = registrations.at(-1 - id) ?? 99;
    if (kind === 'register') return { kind, id: at + 1, timeMs };
    if (kind === 'unregister') return { kind, id: sessionId, timeMs };
    return { kind, call: { sessionId, sequence, lowestUnanswered: lowest }, timeMs };
  });
}

/** A replica that records results only when it is told to, or has to. */
class Replica {
  /** The outcomes of the entries. */
  readonly answers: string[] = [];
  #manager: SessionManager;
  #unrecorded: { call: SessionCall; result: Uint8Array | undefined; lost: boolean }[] = [];

  constructor(manager: SessionManager) {
    this.#manager = manager;
  }

  take(entry: LogEntry, index: number): void {
    const { timeMs } = entry;
    if (entry.kind === 'register') this.#manager.register(index, timeMs);
    else if (entry.kind === 'propose') this.#propose(entry.call, timeMs, index);
    else this.answers.push(`ended ${this.#manager.unregister(entry.id, timeMs)}`);
  }

  recordAll(): void {
    for (const { call, result, lost } of this.#unrecorded) {
      this.#manager.record(call, result, lost);
    }
    this.#unrecorded = [];
  }

  encode(): Uint8Array {
    this.recordAll();
    return this.#manager.encode();
  }

  /** Continues as a new member that received a snapshot. */
  beginAgain(manager: SessionManager, snapshot: Uint8Array): void {
    this.#unrecorded = [];
    this.#manager = manager;
    manager.restore(snapshot);
  }

  #propose(call: SessionCall, timeMs: number, index: number): void {
    let verdict = this.#manager.judge(call, timeMs);
    if (verdict.kind === 'pending') {
      this.recordAll();
      verdict = this.#manager.judge(call, timeMs);
    }
    this.answers.push(describeVerdict(verdict));
    if (verdict.kind !== 'apply') return;
    // The result of the state machine depends only on the log: nothing, bytes, too many bytes, or
    // lost.
    const result = index % 4 === 0 ? undefined : bytesOf('x'.repeat((index % 4) * 2));
    this.#unrecorded.push({ call, result, lost: index % 7 === 0 });
  }
}

const limits = { sessionsMax: 3, resultsPerSessionMax: 6, resultsMax: 4, resultBytesMax: 5 };
/** The largest number of results: `resultsMax`, and one more for each session. */
const encodedBytesMax = 60 + 3 * 28 + (4 + 3) * (13 + 5);

describe.each([
  ['lru', () => new LruSessionManager(limits)],
  ['expire', () => new ExpireSessionManager({ ...limits, expireMs: 20 })],
] as const)('replicas with %s', (_, create) => {
  it('give the same verdicts and end with the same bytes', () => {
    const seen = new Set<string>();
    const property = fc.property(entries, (drawn) => {
      const plain = new Replica(create());
      const batching = new Replica(create());
      const restored = new Replica(create());
      for (const [at, logged] of logOf(drawn).entries()) {
        for (const replica of [plain, batching, restored]) replica.take(logged, at + 1);
        plain.recordAll();
        if (!drawn[at]?.pause) continue;
        batching.recordAll();
        restored.beginAgain(create(), plain.encode());
      }
      expect(batching.answers).toEqual(plain.answers);
      expect(restored.answers).toEqual(plain.answers);
      const bytes = hexOf(plain.encode());
      expect(hexOf(batching.encode())).toBe(bytes);
      expect(hexOf(restored.encode())).toBe(bytes);
      for (const answer of plain.answers) seen.add(answer.split(' ', 1)[0] ?? '');
    });
    fc.assert(property, { numRuns: 500 });
    // The test covers every kind of verdict.
    const everything = ['apply', 'duplicate', 'ended', 'expired', 'full', 'stale'];
    expect([...seen].sort()).toEqual(everything);
  });

  it('apply no sequence of a session twice', () => {
    const property = fc.property(entries, (drawn) => {
      const replica = new Replica(create());
      const applied = new Set<string>();
      for (const [at, logged] of logOf(drawn).entries()) {
        replica.take(logged, at + 1);
        if (logged.kind !== 'propose' || replica.answers.at(-1) !== 'apply') continue;
        const name = `${logged.call.sessionId}/${logged.call.sequence}`;
        expect(applied).not.toContain(name);
        applied.add(name);
      }
    });
    fc.assert(property, { numRuns: 500 });
  });

  it('stay within their bounds, and always accept the lowest unanswered sequence', () => {
    let largest = 0;
    const property = fc.property(entries, (drawn) => {
      const replica = new Replica(create());
      for (const [at, logged] of logOf(drawn).entries()) {
        replica.take(logged, at + 1);
        const { length } = replica.encode();
        expect(length).toBeLessThanOrEqual(encodedBytesMax);
        largest = Math.max(largest, length);
        if (logged.kind !== 'propose') continue;
        const { sequence, lowestUnanswered } = logged.call;
        if (sequence <= Math.max(1, lowestUnanswered)) {
          expect(replica.answers.at(-1)).not.toBe('full');
        }
      }
    });
    fc.assert(property, { numRuns: 500 });
    // The runs come close to the bound.
    expect(largest).toBeGreaterThan(encodedBytesMax / 2);
  });
});
