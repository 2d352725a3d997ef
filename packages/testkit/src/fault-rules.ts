/** What goes wrong on a simulated disk, and when: rules that are matched against every call. */
import { FileError } from '@babuza/vfs';
import type { FileErrorKind, FileOperation } from '@babuza/vfs';

/**
 * What happens to a call:
 *
 * - `error`: it does nothing and throws. A failed `close` closes nevertheless.
 * - `partial-write`: `bytes` of the data are written, then it throws.
 * - `sync-error`: a failed sync. `dropped` is what kernels do: the pending data is forgotten, reads
 *   still show it, later syncs succeed. `kept`: it stays pending. `half-written`: any part of it
 *   reached the disk, the rest is forgotten. On `write-durable` the data is written first.
 * - `lost-write`: success is reported, nothing is written.
 * - `misdirected-write`: success is reported, the data lands `byBytes` away in the same file.
 *
 * A fault meets only calls that it can happen to: `lost-write` never meets a read.
 */
export type Fault =
  | { readonly type: 'error'; readonly kind: FileErrorKind }
  | { readonly type: 'partial-write'; readonly kind: 'io' | 'no-space'; readonly bytes: number }
  | {
      readonly type: 'sync-error';
      readonly kind?: 'io' | 'no-space';
      readonly pending: 'dropped' | 'kept' | 'half-written';
    }
  | { readonly type: 'lost-write' }
  | { readonly type: 'misdirected-write'; readonly byBytes: number };

/** Which calls a fault meets. Filters that are absent let everything pass. */
export interface FaultRule {
  readonly on?: FileOperation | readonly FileOperation[];
  /** The whole path, or a pattern. For `rename` it is the old name. */
  readonly path?: string | RegExp;
  /** Which of the calls that pass the filters, counted from 1 on; 1 by default. */
  readonly nth?: number;
  /** From that call on for ever, instead of once. */
  readonly sticky?: boolean;
  readonly fault: Fault;
}

/** A rule at work. */
export class InjectedFault {
  readonly rule: FaultRule;
  /** How many calls passed the filters. */
  matches = 0;
  /** How many calls the fault has met: 0 at the end of a test means it tested nothing. */
  hits = 0;
  #removed = false;

  constructor(rule: FaultRule) {
    this.rule = rule;
  }

  /** Takes the rule out of service. */
  remove(): void {
    this.#removed = true;
  }

  /** Asks the rule about one call; counts it. */
  meets(operation: FileOperation, path: string): boolean {
    if (this.#removed || !this.#passes(operation, path)) return false;
    this.matches += 1;
    const nth = this.rule.nth ?? 1;
    const meets = this.rule.sticky === true ? this.matches >= nth : this.matches === nth;
    if (meets) this.hits += 1;
    return meets;
  }

  #passes(operation: FileOperation, path: string): boolean {
    const { on, path: pattern, fault } = this.rule;
    if (!canHappenTo(fault, operation)) return false;
    if (typeof on === 'string' ? on !== operation : on?.includes(operation) === false) return false;
    if (pattern === undefined) return true;
    return typeof pattern === 'string' ? pattern === path : pattern.test(path);
  }
}

const WRITES: readonly FileOperation[] = ['write', 'write-durable'];
const SYNCS: readonly FileOperation[] = ['datasync', 'sync-directory', 'write-durable'];

function canHappenTo(fault: Fault, operation: FileOperation): boolean {
  if (fault.type === 'error') return true;
  return (fault.type === 'sync-error' ? SYNCS : WRITES).includes(operation);
}

const ERRNO_OF_KIND: Readonly<Record<FileErrorKind, string | undefined>> = {
  'no-space': 'ENOSPC',
  io: 'EIO',
  permission: 'EACCES',
  'not-found': 'ENOENT',
  exists: 'EEXIST',
  'not-a-directory': 'ENOTDIR',
  'is-a-directory': 'EISDIR',
  'not-empty': 'ENOTEMPTY',
  'not-a-file': 'ELOOP',
  'too-many-open': 'EMFILE',
  'try-again': 'ENOMEM',
  'access-denied': 'ERR_ACCESS_DENIED',
  'name-too-long': 'ENAMETOOLONG',
  busy: 'EBUSY',
  locked: undefined,
  'lock-lost': undefined,
  closed: undefined,
};

/** A failure as the real file system would report it. */
export function simulatedError(
  kind: FileErrorKind,
  operation: FileOperation,
  path: string,
  detail?: string,
): FileError {
  return new FileError(kind, operation, path, { errno: ERRNO_OF_KIND[kind], detail });
}
