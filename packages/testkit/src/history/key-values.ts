/**
 * Histories of clients of a key-value store: get, put and compare-and-set. Keys are independent, so
 * each key is checked alone, which keeps the search small (Herlihy and Wing 1990: linearizability
 * is local).
 */
import {
  checkHistory,
  impossible,
  type Impossible,
  type Model,
  type Verdict,
} from './check-history.ts';
import type { Operation } from './timeline.ts';

export type KeyValueInput =
  | { readonly kind: 'get'; readonly key: string }
  | { readonly kind: 'put'; readonly key: string; readonly value: string }
  | {
      readonly kind: 'compare-and-set';
      readonly key: string;
      readonly expected: string | undefined;
      readonly value: string;
    };

/** The value for a get, whether the value was set for a compare-and-set, nothing for a put. */
export type KeyValueOutput = string | boolean | undefined;

export type KeyValueOperation = Operation<KeyValueInput, KeyValueOutput>;

const model: Model<string | undefined, KeyValueInput, KeyValueOutput> = {
  initial: undefined,
  step: (state, input, output) => {
    if (input.kind === 'put') return input.value;
    if (input.kind === 'get') return valueOf(state, output);
    const isSet = state === input.expected;
    if (output !== undefined && output.value !== isSet) return impossible;
    return isSet ? input.value : state;
  },
  keyOf: (state) => (state === undefined ? 'none' : `'${state}`),
};

function valueOf(
  state: string | undefined,
  output: { readonly value: KeyValueOutput } | undefined,
): string | undefined | Impossible {
  return output !== undefined && output.value !== state ? impossible : state;
}

/**
 * Checks each key. Returns the first violation, otherwise the first unknown verdict. `stepsMax`
 * bounds the search of each key.
 */
export function checkKeyValueHistory(
  operations: readonly KeyValueOperation[],
  stepsMax: number,
): Verdict<KeyValueInput, KeyValueOutput> & { readonly key?: string } {
  const byKey = grouped(operations);
  let steps = 0;
  let unknown: string | undefined;
  for (const [key, ofKey] of byKey) {
    const verdict = checkHistory(model, ofKey, stepsMax);
    if (verdict.verdict === 'violated') return { ...verdict, key };
    steps += verdict.steps;
    if (verdict.verdict === 'unknown') unknown ??= key;
  }
  return unknown === undefined
    ? { verdict: 'linearizable', steps }
    : { verdict: 'unknown', steps, key: unknown };
}

function grouped(operations: readonly KeyValueOperation[]): Map<string, KeyValueOperation[]> {
  const byKey = new Map<string, KeyValueOperation[]>();
  for (const operation of operations) {
    const { key } = operation.input;
    const ofKey = byKey.get(key);
    if (ofKey === undefined) byKey.set(key, [operation]);
    else ofKey.push(operation);
  }
  return byKey;
}
