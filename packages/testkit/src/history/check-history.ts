/**
 * Is a history of concurrent operations linearizable: is there an order of them, each between its
 * call and its return, in which every answer is the one that a single copy would have given? It
 * searches for one, as Wing and Gong (1993) did, and remembers what it has been through, as Lowe
 * (2017) added.
 *
 * An operation whose outcome is not known may have taken effect at any time after its call, or
 * never. The search may need exponential time: it ends after `stepsMax` steps with the verdict
 * `unknown`, which is never a pass.
 */

import { Places } from './places.ts';

export interface Operation<Input, Output> {
  readonly client: number;
  readonly input: Input;
  /** Where in the history it was called. No two places, of calls or returns, are equal. */
  readonly calledAt: number;
  /** Where it returned, and with what; absent where the outcome is not known. */
  readonly returned?: { readonly at: number; readonly output: Output } | undefined;
}

/** What a single copy would do. */
export interface Model<State, Input, Output> {
  readonly initial: State;
  /**
   * The state after the operation, or `impossible` where it could not have had this output. Without
   * an output every state is possible.
   */
  step(
    state: State,
    input: Input,
    output: { readonly value: Output } | undefined,
  ): State | Impossible;
  /** Equal for equal states only. */
  keyOf(state: State): string;
}

export const impossible: unique symbol = Symbol('impossible');
export type Impossible = typeof impossible;

export type Verdict<Input, Output> =
  | { readonly verdict: 'linearizable'; readonly steps: number }
  /** `longest`: an order of as many operations as could be put into one. */
  | { readonly verdict: 'violated'; readonly longest: readonly Operation<Input, Output>[] }
  | { readonly verdict: 'unknown'; readonly steps: number };

export function checkHistory<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  stepsMax: number,
): Verdict<Input, Output> {
  const places = new Places(operations);
  const order: { readonly number: number; readonly before: State }[] = [];
  const seen = new Set<string>();
  let longest: readonly number[] = [];
  let { initial: state } = model;
  let place = places.first;
  for (let steps = 0; steps < stepsMax; steps += 1) {
    if (places.isAllAnswered) return { verdict: 'linearizable', steps };
    const number = places.calledAt(place);
    if (number === undefined) {
      // The return of an operation that is not in the order yet: the last one that is was a wrong
      // choice.
      if (order.length > longest.length) longest = order.map((one) => one.number);
      const last = order.pop();
      if (last === undefined) {
        return { verdict: 'violated', longest: longest.flatMap((at) => operations[at] ?? []) };
      }
      state = last.before;
      places.putBack(last.number);
      place = places.behind(places.callOf(last.number));
      continue;
    }
    const operation = operations[number];
    if (operation === undefined) throw new RangeError(`no operation ${number}`);
    const { input, returned } = operation;
    const output = returned === undefined ? undefined : { value: returned.output };
    const next = model.step(state, input, output);
    if (next !== impossible && isNew(seen, `${places.keyWith(number)} ${model.keyOf(next)}`)) {
      order.push({ number, before: state });
      state = next;
      places.lift(number);
      place = places.first;
    } else place = places.behind(place);
  }
  return { verdict: 'unknown', steps: stepsMax };
}

function isNew(seen: Set<string>, key: string): boolean {
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}
