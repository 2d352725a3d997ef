/** Checks of single options, and the error that names the option that is wrong. */
import { TransportError } from '../errors.ts';

export const isPem = (value: unknown): value is string | Uint8Array =>
  (typeof value === 'string' && value !== '') || value instanceof Uint8Array;

/** Describes a value that may be secret by its type only. */
export const hidden = (value: unknown): string =>
  value === undefined ? 'undefined' : typeof value;

export function objectOf(
  name: string,
  given: unknown,
  fields: readonly string[],
): Record<string, unknown> {
  if (typeof given !== 'object' || given === null) {
    refuse(name, given, `an object with ${fields.join(', ')}`);
  }
  const entries = Object.entries(given);
  const stranger = entries.find(([field]) => !fields.includes(field));
  if (stranger !== undefined) {
    const prefix = name === 'transportOptions' ? '' : `${name}.`;
    const allowed = `left out: the fields are ${fields.join(', ')}`;
    refuse(`${prefix}${stranger[0]}`, hidden(stranger[1]), allowed);
  }
  return Object.fromEntries(entries);
}

/** @throws TransportError (`TRANSPORT_INVALID`). */
export function refuse(option: string, given: unknown, allowed: string): never {
  const problem = `the option ${option} must be ${allowed}; got ${String(given)}`;
  throw new TransportError('TRANSPORT_INVALID', problem);
}
