/** The faults of messages in one direction between two addresses. */
import { TransportError } from './errors.ts';

export interface LinkFaults {
  /**
   * The share of messages that get lost without a report, from 0 to 1. A snapshot stream breaks
   * when one of its chunks gets lost.
   */
  readonly loss: number;
  /** The share of messages that arrive twice. */
  readonly duplication: number;
  /** The range of the random delay of each message, in ms. */
  readonly delayMs: readonly [min: number, max: number];
  /**
   * Whether messages may overtake each other. Otherwise they keep their order, whatever their
   * delays are.
   */
  readonly reordering: boolean;
}

/** One direction, or several: an absent field matches every address. */
export interface Direction {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

interface Rule {
  readonly direction: Direction;
  readonly change: Partial<LinkFaults>;
}

const noFaults: LinkFaults = {
  loss: 0,
  duplication: 0,
  delayMs: [0, 0],
  reordering: false,
};

/**
 * The faults of all directions. Of the matching rules the newest counts, for each field by itself.
 */
export class FaultRules {
  #rules: Rule[] = [];

  /** Throws `TRANSPORT_INVALID` with the name of the field. */
  set(change: Partial<LinkFaults>, direction: Direction): void {
    check({ ...noFaults, ...change });
    // Fields that the new rule overrides everywhere are dropped, so that the number of rules is
    // bounded however often they are changed.
    const kept = this.#rules.map((rule) =>
      covers(direction, rule.direction) ? without(rule, change) : rule,
    );
    this.#rules = kept.filter((rule) => Object.keys(rule.change).length > 0);
    this.#rules.push({ direction, change: { ...change } });
  }

  clear(): void {
    this.#rules = [];
  }

  of(from: string, to: string): LinkFaults {
    const changes = this.#rules
      .filter(({ direction }) => covers(direction, { from, to }))
      .map(({ change }) => change);
    return Object.assign({ ...noFaults }, ...changes);
  }
}

/** Whether each direction that matches `other` also matches `direction`. */
function covers(direction: Direction, other: Direction): boolean {
  const { from = other.from, to = other.to } = direction;
  return from === other.from && to === other.to;
}

function without({ direction, change }: Rule, overriding: Partial<LinkFaults>): Rule {
  const left = Object.entries(change).filter(([field]) => !Object.hasOwn(overriding, field));
  return { direction, change: Object.fromEntries(left) };
}

function check(faults: LinkFaults): void {
  for (const field of ['loss', 'duplication'] as const) {
    const share = faults[field];
    if (!(share >= 0 && share <= 1)) refuse(field, share, 'from 0 to 1');
  }
  const [min, max] = faults.delayMs;
  if (!(min >= 0 && max >= min && max < Infinity)) {
    refuse('delayMs', faults.delayMs, 'two numbers, the first from 0, the second not below it');
  }
}

function refuse(field: string, given: unknown, allowed: string): never {
  throw new TransportError(
    'TRANSPORT_INVALID',
    `${field} must be ${allowed}; got ${String(given)}`,
  );
}
