/**
 * Reads the arguments of a directive. An argument that cannot be converted is an error of the test,
 * not an output.
 */

import type { Argument, Directive } from './grammar.ts';

/** The bare keys, in order. */
export function positional({ args }: Directive): string[] {
  return args.filter(({ values }) => values.length === 0).map(({ key }) => key);
}

export function option(directive: Directive, key: string): Argument | undefined {
  return directive.args.find((arg) => arg.key === key && arg.values.length > 0);
}

/** The value of an option that has exactly one. */
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

/** A limit. A number above all sizes, like the largest one of 64 bits, means no limit. */
export function asLimit(text: string): number {
  return Number(asId(text)) > Number.MAX_SAFE_INTEGER ? Infinity : asNumber(text);
}

export function asId(text: string | undefined): bigint {
  if (text === undefined || !/^\d+$/.test(text)) throw new Error(`not an id: ${text}`);
  return BigInt(text);
}

/** A list of ids. A list of one empty value is an empty list. */
export function asIds(values: readonly string[]): bigint[] {
  return values.filter((value) => value !== '').map((value) => asId(value));
}

export function asBool(text: string): boolean {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return false;
  throw new Error(`not a boolean: ${text}`);
}
