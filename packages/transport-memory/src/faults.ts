/** What a network does to messages on their way, in one direction between two addresses. */
import { TransportError } from './errors.ts';

export interface LinkFaults {
  /** The share of messages that get lost without a word, from 0 to 1. A snapshot stream breaks with it, chunk by chunk. */
  readonly loss: number;
  /** The share of messages that arrive twice. */
  readonly duplication: number;
  /** Each message takes from the first to the second, by chance. */
  readonly delayMs: readonly [min: number, max: number];
  /** Messages may overtake each other. Otherwise their order is kept, whatever they take. */
  readonly reordering: boolean;
}

export const noFaults: LinkFaults = {
  loss: 0,
  duplication: 0,
  delayMs: [0, 0],
  reordering: false,
};

/** `before` with what is given; throws `TRANSPORT_INVALID` naming the field. */
export function changedFaults(before: LinkFaults, change: Partial<LinkFaults>): LinkFaults {
  const faults = { ...before, ...change };
  for (const field of ['loss', 'duplication'] as const) {
    const share = faults[field];
    if (!(share >= 0 && share <= 1)) refuse(field, share, 'from 0 to 1');
  }
  const [min, max] = faults.delayMs;
  if (!(min >= 0 && max >= min && max < Infinity)) {
    refuse('delayMs', faults.delayMs, 'two numbers, the first from 0, the second not below it');
  }
  return faults;
}

function refuse(field: string, given: unknown, allowed: string): never {
  throw new TransportError(
    'TRANSPORT_INVALID',
    `${field} must be ${allowed}; got ${String(given)}`,
  );
}
