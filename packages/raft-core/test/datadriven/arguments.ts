/**
 * Reading the arguments of a directive. What does not convert is a mistake in the test, not an
 * output.
 */

import type { Argument, Directive } from './grammar.ts';

/** The bare keys, in order. */
export function positional({ args }: Directive): string[] {
  return args.filter(({ values }) => values.length === 0).map(({ key }) => key);
}

export function option(directive: Directive, key: string): Argument | undefined {
  return directive.args.find((arg) => arg.key === key && arg.values.length > 0);
}

/** The only value of an option. */
export function valueOf({ key, values }: Argument): string {
  const [only] = values;
  if (only === undefined || values.length !== 1) throw new Error(`${key}: expected one value`);
  return only;
}

export function asNumber(text: string | undefined): number {
  if (text === undefined || !/^-?\d+$/.test(text)) throw new Error(`not a number: ${text}`);
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new Error(`not a safe integer: ${text}`);
  return value;
}

/** A limit; what is beyond all sizes, as the largest number of 64 bits, is none. */
export function asLimit(text: string): number {
  return Number(asId(text)) > Number.MAX_SAFE_INTEGER ? Infinity : asNumber(text);
}

export function asId(text: string | undefined): bigint {
  if (text === undefined || !/^\d+$/.test(text)) throw new Error(`not an id: ${text}`);
  return BigInt(text);
}

/** A list of ids; the list with one empty value has none. */
export function asIds(values: readonly string[]): bigint[] {
  return values.filter((value) => value !== '').map((value) => asId(value));
}

export function asBool(text: string): boolean {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return false;
  throw new Error(`not a boolean: ${text}`);
}
