/** Compares the checker of histories with known verdicts, and with trying every order. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkKeyValueHistory,
  type KeyValueInput,
  type KeyValueOperation,
  type KeyValueOutput,
} from '../src/index.ts';

const put = (value: string, key = 'x'): KeyValueInput => ({ kind: 'put', key, value });
const get: KeyValueInput = { kind: 'get', key: 'x' };
const swap = (expected: string | undefined, value: string): KeyValueInput => ({
  kind: 'compare-and-set',
  key: 'x',
  expected,
  value,
});

/**
 * Parses one operation per line: position of the call, position of the return (`?` if unknown),
 * operation, answer.
 */
type Line = [calledAt: number, returnedAt: number | '?', input: KeyValueInput, output?: unknown];

function history(lines: readonly Line[]): KeyValueOperation[] {
  return lines.map(([calledAt, at, input, output], client) => ({
    client,
    input,
    calledAt,
    returned: at === '?' ? undefined : { at, output: output as KeyValueOutput },
  }));
}

const good: Record<string, Line[]> = {
  nothing: [],
  'a get before any put': [[1, 2, get, undefined]],
  'one after the other': [
    [1, 2, put('a')],
    [3, 4, get, 'a'],
    [5, 6, put('b')],
    [7, 8, get, 'b'],
  ],
  'a get during a put may see the old value or the new one': [
    [1, 2, put('a')],
    [3, 10, put('b')],
    [4, 5, get, 'a'],
    [6, 7, get, 'b'],
  ],
  'puts at once in the order that the gets tell': [
    [1, 10, put('a')],
    [2, 9, put('b')],
    [11, 12, get, 'a'],
  ],
  'a put of unknown outcome that takes effect much later': [
    [1, '?', put('a')],
    [2, 3, get, undefined],
    [4, 5, put('b')],
    [6, 7, get, 'b'],
    [8, 9, get, 'a'],
  ],
  'a put of unknown outcome that never takes effect': [
    [1, '?', put('a')],
    [2, 3, put('b')],
    [4, 5, get, 'b'],
  ],
  'one of two compare-and-sets wins': [
    [1, 2, put('a')],
    [3, 8, swap('a', 'b'), false],
    [4, 9, swap('a', 'c'), true],
    [10, 11, get, 'c'],
  ],
  'a compare-and-set of what is not there': [
    [1, 2, swap(undefined, 'a'), true],
    [3, 4, swap(undefined, 'b'), false],
  ],
  'keys do not depend on each other': [
    [1, 2, put('a')],
    [3, 4, put('b', 'y')],
    [5, 6, get, 'a'],
  ],
};

const bad: Record<string, Line[]> = {
  'a stale read': [
    [1, 2, put('a')],
    [3, 4, put('b')],
    [5, 6, get, 'a'],
  ],
  'an acknowledged put that is gone': [
    [1, 2, put('a')],
    [3, 4, get, undefined],
  ],
  'a value that nobody has put': [[1, 2, get, 'z']],
  'a value from the future': [
    [1, 2, get, 'a'],
    [3, 4, put('a')],
  ],
  'two readers see two puts in different orders': [
    [1, 20, put('a')],
    [2, 19, put('b')],
    [21, 22, get, 'a'],
    [23, 24, get, 'b'],
  ],
  'back to the old value after the new one was seen': [
    [1, 2, put('a')],
    [3, 20, put('b')],
    [4, 5, get, 'b'],
    [6, 7, get, 'a'],
  ],
  'a put that was applied twice': [
    [1, '?', put('a')],
    [2, 3, get, 'a'],
    [4, 5, put('b')],
    [6, 7, get, 'b'],
    [8, 9, get, 'a'],
  ],
  'two compare-and-sets win': [
    [1, 2, put('a')],
    [3, 8, swap('a', 'b'), true],
    [4, 9, swap('a', 'c'), true],
  ],
  'a lost update': [
    [1, 2, put('0')],
    [3, 4, swap('0', '1'), true],
    [5, 6, swap('0', '1'), true],
  ],
  'a compare-and-set that has failed for no reason': [
    [1, 2, put('a')],
    [3, 4, swap('a', 'b'), false],
  ],
};

describe('histories whose verdict is known', () => {
  it.each(Object.entries(good))('linearizable: %s', (_, lines) => {
    expect(checkKeyValueHistory(history(lines), 10_000)).toMatchObject({ verdict: 'linearizable' });
  });

  it.each(Object.entries(bad))('not linearizable: %s', (_, lines) => {
    expect(checkKeyValueHistory(history(lines), 10_000)).toMatchObject({ verdict: 'violated' });
  });

  it('a violation shows how far an order was found', () => {
    const lines = bad['a stale read'] ?? [];
    const verdict = checkKeyValueHistory(history(lines), 10_000);
    expect(verdict).toMatchObject({ key: 'x', longest: [{ client: 0 }, { client: 1 }] });
  });

  it('a search that takes too long is unknown, not a pass', () => {
    const many = Array.from({ length: 12 }, (_, at): Line => [at, 100 + at, put(String(at))]);
    const lines: Line[] = [...many, [200, 201, get, 'none of them']];
    expect(checkKeyValueHistory(history(lines), 100)).toEqual({
      verdict: 'unknown',
      steps: 100,
      key: 'x',
    });
    expect(checkKeyValueHistory(history(lines), 1e6)).toMatchObject({ verdict: 'violated' });
  });
});

describe('every small history', () => {
  const input = fc.oneof(
    fc.constant(get),
    fc.constantFrom('a', 'b').map((value) => put(value)),
    fc
      .tuple(fc.constantFrom(undefined, 'a', 'b'), fc.constantFrom('a', 'b'))
      .map(([expected, value]) => swap(expected, value)),
  );
  const answers: Record<KeyValueInput['kind'], readonly KeyValueOutput[]> = {
    get: [undefined, 'a', 'b'],
    put: [undefined],
    'compare-and-set': [true, false],
  };
  const histories = fc
    .array(
      fc.record({
        input,
        answer: fc.nat(),
        isKnown: fc.boolean(),
        calledAt: fc.double({ min: 0, max: 1, noNaN: true }),
        took: fc.double({ min: 0.01, max: 0.5, noNaN: true }),
      }),
      { maxLength: 6 },
    )
    .map((drawn) =>
      drawn.map(({ input: of, answer, isKnown, calledAt, took }, client): KeyValueOperation => {
        const outputs = answers[of.kind];
        const output = outputs[answer % outputs.length];
        const returned = isKnown || of.kind === 'get' ? { at: calledAt + took, output } : undefined;
        return { client, input: of, calledAt, returned };
      }),
    );

  it('has the verdict that trying every order gives', () => {
    const counts = { linearizable: 0, violated: 0 };
    fc.assert(
      fc.property(histories, (operations) => {
        const expected = hasOrder(operations, undefined) ? 'linearizable' : 'violated';
        counts[expected] += 1;
        expect(checkKeyValueHistory(operations, 1e6).verdict).toBe(expected);
      }),
      { numRuns: 3000 },
    );
    // Both verdicts occur often.
    expect(Math.min(counts.linearizable, counts.violated)).toBeGreaterThan(300);
  });
});

/** Whether some order explains the remaining operations, tried in the simplest way. */
function hasOrder(left: readonly KeyValueOperation[], value: string | undefined): boolean {
  if (left.every(({ returned }) => returned === undefined)) return true;
  return left.some((first) => {
    const rest = left.filter((other) => other !== first);
    // No remaining operation may have ended before this one was called.
    if (rest.some(({ returned }) => returned !== undefined && returned.at < first.calledAt)) {
      return false;
    }
    const { input, returned } = first;
    const answer = (is: KeyValueOutput): boolean =>
      returned === undefined || returned.output === is;
    if (input.kind === 'put') return hasOrder(rest, input.value);
    if (input.kind === 'get') return answer(value) && hasOrder(rest, value);
    const isSet = value === input.expected;
    return answer(isSet) && hasOrder(rest, isSet ? input.value : value);
  });
}
