/** The bytes of sessions. Golden files are added and never changed. */
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExpireSessionManager, LruSessionManager, NoopSessionManager } from '../src/index.ts';
import { bytesOf, callOf, codeOf, hexOf, propose } from './support.ts';

const limits = { sessionsMax: 4, resultsPerSessionMax: 8, resultsMax: 16, resultBytesMax: 5 };

/**
 * A session with a result, with an absent result and with a lost one, and a session with none whose
 * id is above 32 bits.
 */
function someSessions(manager: LruSessionManager | ExpireSessionManager) {
  manager.register(7, 1000);
  manager.register(0x1_0000_0001, 1001);
  propose(manager, callOf(7, 3, 2), 1002, 'hello');
  manager.judge(callOf(7, 2, 2), 1003);
  manager.record(callOf(7, 2, 2), undefined, false);
  propose(manager, callOf(7, 5, 2), 1004, 'too long');
  return manager;
}

function goldenBytes(name: string): Uint8Array {
  const text = readFileSync(new URL(`golden/${name}.hex`, import.meta.url), 'utf8');
  return new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
}

const expireMs = 1000;
const kinds = [
  ['noop', () => new NoopSessionManager(), new NoopSessionManager()],
  ['lru', () => new LruSessionManager(limits), someSessions(new LruSessionManager(limits))],
  [
    'expire',
    () => new ExpireSessionManager({ ...limits, expireMs }),
    someSessions(new ExpireSessionManager({ ...limits, expireMs })),
  ],
] as const;

/** Bytes that are accepted are exactly the encoding of the restored state. */
function expectBelievedOrRefused(manager: LruSessionManager, bytes: Uint8Array): void {
  const before = hexOf(manager.encode());
  const code = codeOf(() => manager.restore(bytes));
  if (code === 'nothing was thrown') expect(hexOf(manager.encode())).toBe(hexOf(bytes));
  else {
    expect(code).toMatch(/^SESSION_(?:CORRUPT|VERSION|MISMATCH)$/);
    expect(hexOf(manager.encode())).toBe(before);
  }
}

describe.each(kinds)('the bytes of %s', (kind, create, filled) => {
  const bytes = goldenBytes(`${kind}-1`);

  it('are the golden ones', () => {
    expect(hexOf(filled.encode())).toBe(hexOf(bytes));
  });

  it('are restored to the same state', () => {
    const manager = create();
    manager.restore(bytes);
    expect(hexOf(manager.encode())).toBe(hexOf(bytes));
    if (manager instanceof NoopSessionManager) return;
    expect(manager.count).toBe(2);
    expect([1, 2, 3, 5].map((sequence) => propose(manager, callOf(7, sequence), 1005))).toEqual([
      'stale',
      'duplicate',
      'duplicate hello',
      'duplicate lost',
    ]);
    manager.restore();
    expect(manager.count).toBe(0);
  });

  it('are refused when they are cut or too long, and nothing changes', () => {
    const manager = create();
    manager.restore(bytes);
    for (let length = 0; length < bytes.length; length += 1) {
      expect(codeOf(() => manager.restore(bytes.subarray(0, length)))).toBe('SESSION_CORRUPT');
    }
    expect(codeOf(() => manager.restore(Uint8Array.of(...bytes, 0)))).toBe('SESSION_CORRUPT');
    expect(hexOf(manager.encode())).toBe(hexOf(bytes));
  });

  it('are refused by another kind of manager, whose error names both', () => {
    for (const [other, createOther] of kinds) {
      if (other === kind) continue;
      const manager = createOther();
      expect(codeOf(() => manager.restore(bytes))).toBe('SESSION_MISMATCH');
      expect(() => manager.restore(bytes)).toThrow(new RegExp(`${kind}.*${other}`));
    }
  });

  it('are refused in a later version, whatever follows, and in an invalid one', () => {
    const newer = Uint8Array.of(...bytes.subarray(0, 4), 2, 9, 9);
    expect(codeOf(() => create().restore(newer))).toBe('SESSION_VERSION');
    expect(() => create().restore(newer)).toThrow(/version 2.*version 1/);
    const none = Uint8Array.of(...bytes.subarray(0, 4), 0, ...bytes.subarray(5));
    expect(codeOf(() => create().restore(none))).toBe('SESSION_CORRUPT');
  });
});

describe('the bytes of sessions', () => {
  it('keep results of any length', () => {
    const large = { ...limits, resultBytesMax: 2000 };
    for (let length = 0; length <= 2000; length += length < 600 ? 1 : 100) {
      const manager = new LruSessionManager(large);
      manager.register(1, 0);
      propose(manager, callOf(1, 2), 0, 'x'.repeat(length));
      propose(manager, callOf(1, 1), 0, 'y');
      const replica = new LruSessionManager(large);
      replica.restore(manager.encode());
      expect(propose(replica, callOf(1, 2), 0)).toBe(`duplicate ${'x'.repeat(length)}`);
      expect(propose(replica, callOf(1, 1), 0)).toBe('duplicate y');
    }
  });

  it('are not larger than the limits allow', () => {
    const small = { sessionsMax: 2, resultsPerSessionMax: 8, resultsMax: 3, resultBytesMax: 5 };
    const manager = new LruSessionManager(small);
    manager.register(1, 0);
    manager.register(2, 0);
    for (const sequence of [2, 3, 4, 5, 1]) propose(manager, callOf(1, sequence), 0, '12345');
    for (const sequence of [2, 1]) propose(manager, callOf(2, sequence), 0, '12345');
    const bytes = manager.encode();
    expect(bytes.length).toBe(60 + 2 * 28 + (3 + 2) * (13 + 5));
    const replica = new LruSessionManager(small);
    replica.restore(bytes);
    expect(hexOf(replica.encode())).toBe(hexOf(bytes));
    // One result is too many, although each session is within its window of 8 sequences.
    const count = 60 + 28 + 4 * 18 + 24;
    const more = Uint8Array.of(...bytes, ...bytes.subarray(-18));
    more[count] = 2;
    more[more.length - 18] = 7;
    expect(codeOf(() => replica.restore(more))).toBe('SESSION_CORRUPT');
    expect(() => replica.restore(more)).toThrow(/together/);
  });

  it.each([null, 'BSES', 7, {}])('are bytes, and not %j', (bytes) => {
    for (const [, create] of kinds) {
      const manager = create();
      expect(codeOf(() => manager.restore(bytes as never))).toBe('SESSION_INVALID');
    }
  });

  it('are copied, even from a Buffer', () => {
    const buffer = Buffer.from(goldenBytes('lru-1'));
    const manager = new LruSessionManager(limits);
    manager.restore(buffer);
    buffer.fill(0);
    expect(hexOf(manager.encode())).toBe(hexOf(goldenBytes('lru-1')));
  });

  it('are refused if the limits differ, with an error that names both', () => {
    const bytes = new ExpireSessionManager({ ...limits, expireMs }).encode();
    const all = { ...limits, expireMs };
    for (const name of [
      'sessionsMax',
      'resultsPerSessionMax',
      'resultsMax',
      'resultBytesMax',
      'expireMs',
    ] as const) {
      const other = new ExpireSessionManager({ ...all, [name]: 77 });
      expect(codeOf(() => other.restore(bytes))).toBe('SESSION_MISMATCH');
      expect(() => other.restore(bytes)).toThrow(new RegExp(`${name} ${all[name]}.* 77`));
    }
  });
});

describe('bytes from anywhere', () => {
  it.each(['lru-1', 'expire-1', 'noop-1'])('with any bit of %s flipped', (name) => {
    const bytes = goldenBytes(name);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const flipped = bytes.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
      expectBelievedOrRefused(someSessions(new LruSessionManager(limits)), flipped);
    }
  });

  it('are accepted or refused', () => {
    const golden = goldenBytes('lru-1');
    const property = fc.property(
      fc.constantFrom(0, 8, 48, 60, 88, 116),
      fc.uint8Array({ maxLength: 200 }),
      (kept, tail) => {
        const bytes = Uint8Array.of(...golden.subarray(0, kept), ...tail);
        expectBelievedOrRefused(new LruSessionManager(limits), bytes);
      },
    );
    fc.assert(property, { numRuns: 3000 });
  });

  it.each([
    ['sessions', 56],
    ['results', 60 + 24],
    ['bytes of a result', 60 + 28 + 9],
  ])('that claim 4,000 million %s are refused at once', (what, at) => {
    const roomy = { sessionsMax: 2 ** 20, resultsPerSessionMax: 2 ** 32, resultBytesMax: 100 };
    const manager = new LruSessionManager(roomy);
    manager.register(1, 0);
    propose(manager, callOf(1, 1), 0, 'result');
    const bytes = manager.encode();
    bytes.fill(0xff, at, at + 4);
    expect(codeOf(() => manager.restore(bytes))).toBe('SESSION_CORRUPT');
    expect(() => manager.restore(bytes)).toThrow(new RegExp(`4294967295 ${what}`));
    expect(propose(manager, callOf(1, 1), 0)).toBe('duplicate result');
  });

  it.each([
    ['sessions', 56],
    ['results', 60 + 24],
    ['bytes of a result', 60 + 28 + 9],
  ])('that claim one more of %s than follow are refused before they are read', (what, at) => {
    const manager = new LruSessionManager();
    manager.register(1, 0);
    propose(manager, callOf(1, 1), 0, 'r');
    const bytes = manager.encode();
    const left = bytes.length - at - 4;
    bytes[at] = left + 1;
    expect(() => manager.restore(bytes)).toThrow(
      new RegExp(`at byte ${at + 4}: ${left + 1} ${what} in ${left} bytes`),
    );
    bytes[at] = 2;
    expect(() => manager.restore(bytes)).toThrow(`at byte ${at + 4}: 2 ${what} in ${left} bytes`);
  });

  it('are refused with more sessions than the limits allow', () => {
    const manager = new LruSessionManager({ sessionsMax: 2 });
    for (const id of [1, 2]) manager.register(id, 0);
    const bytes = manager.encode();
    const more = Uint8Array.of(...bytes, ...bytes.subarray(-28));
    more[56] = 3;
    more[more.length - 28] = 3;
    expect(codeOf(() => manager.restore(more))).toBe('SESSION_CORRUPT');
    expect(() => manager.restore(more)).toThrow('3 sessions; at most 2 are allowed');
    expect(manager.count).toBe(2);
  });

  it('are refused with a result that is longer than the limits allow', () => {
    const manager = new LruSessionManager({ resultBytesMax: 4 });
    manager.register(1, 0);
    propose(manager, callOf(1, 1), 0, 'four');
    const longer = Uint8Array.of(...manager.encode(), 0);
    longer[60 + 28 + 9] = 5;
    expect(() => manager.restore(longer)).toThrow('5 bytes of a result; at most 4 are allowed');
  });

  it('are refused if an order, a number or an id is impossible', () => {
    const golden = goldenBytes('lru-1');
    const first = 60; // the session without results
    const second = first + 28;
    const results = second + 28;
    for (const [at, byte, problem] of [
      [48, 0, /later than now/], // time
      [second, 1, undefined], // id 1: fine, another session
      [second + 16, 4, /do not ascend/], // the lowest is above a sequence that is kept
      [second + 16, 0, /of 0/],
      [second, 0, /of 0/],
      [results, 3, /do not ascend/],
      [results + 8, 3, /no such form/],
      [results + 9, 11, /too far ahead/],
      [results + 27, 9, undefined], // the last one of the window of 8 that begins at 2
      [results + 27, 10, /too far ahead/],
      [second + 8, 0, /order of their use/],
      [first + 7, 0x20, /too large/],
      [6, 1, /reserved/],
      [5, 4, /kind/],
    ] as const) {
      const bytes = golden.slice();
      bytes[at] = byte;
      const manager = new LruSessionManager(limits);
      if (problem === undefined) manager.restore(bytes);
      else expect(() => manager.restore(bytes)).toThrow(problem);
    }
    const twice = golden.slice();
    twice.set(twice.subarray(second, second + 8), first);
    expect(() => new LruSessionManager(limits).restore(twice)).toThrow(/there twice/);
    expect(codeOf(() => new LruSessionManager(limits).restore(bytesOf('{"sessions":[]}')))).toBe(
      'SESSION_CORRUPT',
    );
  });
});
