/** The options of a client and of its calls. Times in milliseconds. */
import { KeyValueError } from './errors.ts';

export interface KeyValueClientOptions {
  /** APIs of some members, as `http://host:port`; it learns of others. At least one. */
  readonly nodes: readonly string[];
  /**
   * The token goes to every node that the client asks, also to those that it learns of: use it
   * where the way to them is encrypted or on one machine. Default: none.
   */
  readonly token?: string | undefined;
  /** The deadline of a call with all its attempts. Default: 10,000. */
  readonly deadlineMs?: number | undefined;
  /**
   * The timeout of one attempt, after which the client tries another node. Default: 5000. Only a
   * node that hangs uses it up; a killed node refuses the connection at once. Do not make it short:
   * a busy node accepts one connection per turn of its event loop, so the first calls of hundreds
   * of clients may take seconds.
   */
  readonly attemptTimeoutMs?: number | undefined;
  /**
   * The first pause between two attempts; each is twice the one before, and half of it chance.
   * Default: 20.
   */
  readonly backoffMinMs?: number | undefined;
  /** The longest pause, and so the longest delay after a new leader is elected. Default: 200. */
  readonly backoffMaxMs?: number | undefined;
  /** The most connections to one node; further calls wait. Default: 64. */
  readonly connectionsMax?: number | undefined;
  /**
   * Writes under way at a time; further ones wait in order. Default: 256. A session keeps at most
   * 1024 answers at the cluster (`resultsPerSessionMax`), so more than that makes no sense.
   */
  readonly writesMax?: number | undefined;
  /** Random numbers from 0 to below 1, for pauses. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
}

export interface CallOptions {
  /** Ends the waiting; the call rejects with its reason. A write may take effect all the same. */
  readonly signal?: AbortSignal | undefined;
  /** Replaces the deadline of the client. */
  readonly deadlineMs?: number | undefined;
}

export interface NodeCallOptions extends CallOptions {
  /** Asks this node, and no other. Default: the one that is believed to lead. */
  readonly at?: string | undefined;
}

export interface GetOptions extends NodeCallOptions {
  /**
   * Reads the node's own state at once, which may be behind. Default: false, a linearizable read.
   */
  readonly stale?: boolean | undefined;
}

export interface CheckedOptions {
  readonly deadlineMs: number;
  readonly attemptTimeoutMs: number;
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  readonly connectionsMax: number;
  readonly writesMax: number;
  readonly random: () => number;
}

/** Checks the options. Throws `KEY_VALUE_INVALID` for a number below 1 or one that is not whole. */
export function checkedOptions(options: KeyValueClientOptions): CheckedOptions {
  const { random = Math.random } = options;
  const whole = (name: Exclude<keyof CheckedOptions, 'random'>, preset: number): number =>
    checkedNumber(name, options[name] ?? preset);
  return {
    deadlineMs: whole('deadlineMs', 10_000),
    attemptTimeoutMs: whole('attemptTimeoutMs', 5000),
    backoffMinMs: whole('backoffMinMs', 20),
    backoffMaxMs: whole('backoffMaxMs', 200),
    connectionsMax: whole('connectionsMax', 64),
    writesMax: whole('writesMax', 256),
    random,
  };
}

/** Up to the longest that a timer takes. */
export function checkedNumber(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1 && value < 2 ** 31) return value;
  throw new KeyValueError('KEY_VALUE_INVALID', `${name} is a whole number from 1; got ${value}`, {
    outcome: 'not-applied',
  });
}

/** Throws `KEY_VALUE_INVALID`, without the token, for what no header can hold. */
export function checkedToken(token: string | undefined): string | undefined {
  if (token === undefined || /^[A-Za-z0-9\-._~+/]+=*$/.test(token)) return token;
  const message = 'the token has characters that no token of the API has';
  throw new KeyValueError('KEY_VALUE_INVALID', message, { outcome: 'not-applied' });
}
