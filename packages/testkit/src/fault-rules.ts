/** Rules that make calls of a simulated disk fail. Each rule is matched against every call. */
import { FileError } from '@babuza/vfs';
import type { FileErrorKind, FileOperation } from '@babuza/vfs';

/**
 * The effect of a fault on a call:
 *
 * - `error`: the call does nothing and throws. A failed `close` still closes the file.
 * - `partial-write`: `bytes` of the data are written, then the call throws.
 * - `sync-error`: the sync fails. With `dropped`, as in Linux, the pending data is forgotten
 *   although reads still show it, and later syncs succeed. With `kept` it stays pending. With
 *   `half-written` any part of it reached the disk and the rest is forgotten. `write-durable`
 *   writes the data before its sync fails.
 * - `lost-write`: the call reports success and writes nothing.
 * - `misdirected-write`: the call reports success and writes `byBytes` away in the same file.
 *
 * A rule ignores operations that its fault cannot happen to: `lost-write` never applies to a read.
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

/** Selects the calls that a fault applies to. An absent filter accepts every call. */
export interface FaultRule {
  readonly on?: FileOperation | readonly FileOperation[];
  /** The whole path, or a pattern. A `rename` is matched by its old name. */
  readonly path?: string | RegExp;
  /** The number of the call among those that the filters accept, from 1. Default 1. */
  readonly nth?: number;
  /** Whether the fault also applies to all later calls. Default: once. */
  readonly sticky?: boolean;
  readonly fault: Fault;
}

/** A rule that has been injected. */
export class InjectedFault {
  readonly rule: FaultRule;
  /** The number of calls that the filters accepted. */
  matches = 0;
  /** The number of calls that the fault applied to. A test that ends with 0 has tested nothing. */
  hits = 0;
  #removed = false;

  constructor(rule: FaultRule) {
    this.rule = rule;
  }

  /** Disables the rule. */
  remove(): void {
    this.#removed = true;
  }

  /** Whether the fault applies to this call. Counts the call. */
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

/** The error that the real file system would report. */
export function simulatedError(
  kind: FileErrorKind,
  operation: FileOperation,
  path: string,
  detail?: string,
): FileError {
  return new FileError(kind, operation, path, { errno: ERRNO_OF_KIND[kind], detail });
}
