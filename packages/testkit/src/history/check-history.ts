/**
 * Decides whether a history of concurrent operations is linearizable. It is, if the operations have
 * an order in which each takes effect between its call and its return, and every answer is the one
 * that a single copy would have given. The search is that of Wing and Gong (1993); it remembers
 * visited states, as Lowe (2017) added.
 *
 * An operation without a known outcome may have taken effect at any time after its call, or never.
 * The search may need exponential time. It ends after `stepsMax` steps with the verdict `unknown`,
 * which is never a pass.
 */

import { Timeline, type Operation } from './timeline.ts';

/** The behaviour of a single copy. */
export interface Model<State, Input, Output> {
  readonly initial: State;
  /**
   * The state after the operation, or `impossible` if it could not have had this output. Without an
   * output every outcome is possible.
   */
  step(
    state: State,
    input: Input,
    output: { readonly value: Output } | undefined,
  ): State | Impossible;
  /** A key that is equal for equal states only. */
  keyOf(state: State): string;
}

export const impossible: unique symbol = Symbol('impossible');
export type Impossible = typeof impossible;

export type Verdict<Input, Output> =
  | { readonly verdict: 'linearizable'; readonly steps: number }
  /** `longest` is an order of as many operations as could be ordered. */
  | { readonly verdict: 'violated'; readonly longest: readonly Operation<Input, Output>[] }
  | { readonly verdict: 'unknown'; readonly steps: number };

export function checkHistory<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  stepsMax: number,
): Verdict<Input, Output> {
  const timeline = new Timeline(operations);
  const order: { readonly number: number; readonly before: State }[] = [];
  const seen = new Set<string>();
  let longest: readonly number[] = [];
  let { initial: state } = model;
  let position = timeline.first;
  for (let steps = 0; steps < stepsMax; steps += 1) {
    if (timeline.isAllAnswered) return { verdict: 'linearizable', steps };
    const number = timeline.calledAt(position);
    if (number === undefined) {
      // This is the return of an operation that is not in the order yet, so the operation that was
      // ordered last was a wrong choice.
      if (order.length > longest.length) longest = order.map((one) => one.number);
      const last = order.pop();
      if (last === undefined) {
        return { verdict: 'violated', longest: longest.flatMap((at) => operations[at] ?? []) };
      }
      state = last.before;
      timeline.putBack(last.number);
      position = timeline.behind(timeline.callOf(last.number));
      continue;
    }
    const operation = operations[number];
    if (operation === undefined) throw new RangeError(`no operation ${number}`);
    const { input, returned } = operation;
    const output = returned === undefined ? undefined : { value: returned.output };
    const next = model.step(state, input, output);
    if (next !== impossible && isNew(seen, `${timeline.keyWith(number)} ${model.keyOf(next)}`)) {
      order.push({ number, before: state });
      state = next;
      timeline.lift(number);
      position = timeline.first;
    } else position = timeline.behind(position);
  }
  return { verdict: 'unknown', steps: stepsMax };
}

function isNew(seen: Set<string>, key: string): boolean {
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}
