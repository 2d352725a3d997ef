/**
 * Which process is this, and is that other one still running? A process id alone does not say: ids
 * are used again, and a container that starts anew has the same one. On Linux an id counts only
 * together with the boot, the process namespace and the moment the process was started.
 */
import fs from 'node:fs';
import { hostname } from 'node:os';
import { errnoOf, toFileError } from '../classify-error.ts';
import { platform } from '../platform.ts';

/** What tells one process from all others; fields that the platform does not tell are `null`. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly host: string;
  /** Random id of this boot of the machine. */
  readonly bootId: string | null;
  /** The namespace that gives `pid` its meaning. */
  readonly pidNamespace: string | null;
  /** When the process was started, in clock ticks since the boot, as decimal digits. */
  readonly startTicks: string | null;
}

/** `unknown` if it cannot be decided from here: then only a heartbeat tells. */
export type Liveness = 'alive' | 'gone' | 'unknown';

/** The identity of this process. */
export async function ownIdentity(): Promise<ProcessIdentity> {
  const [bootId, pidNamespace, state] = platform.hasProc
    ? await Promise.all([
        textOf('/proc/sys/kernel/random/boot_id'),
        orNull('/proc/self/ns/pid', (path) => fs.promises.readlink(path)),
        processState('self'),
      ])
    : [null, null, null];
  return {
    pid: process.pid,
    host: hostname(),
    bootId,
    pidNamespace,
    startTicks: state?.startTicks ?? null,
  };
}

/** Whether the process `owner` is still running, as far as the process `self` can tell. */
export async function livenessOf(owner: ProcessIdentity, self: ProcessIdentity): Promise<Liveness> {
  if (owner.bootId !== null && self.bootId !== null && owner.bootId !== self.bootId) return 'gone';
  if (owner.pidNamespace !== self.pidNamespace || owner.host !== self.host) {
    // The id means another process here. A host name alone may have been changed by hand.
    if (owner.pidNamespace === null || owner.pidNamespace !== self.pidNamespace) return 'unknown';
  }
  if (!processExists(owner.pid)) return 'gone';
  if (owner.startTicks === null || self.startTicks === null) return 'unknown';
  const state = await processState(owner.pid);
  if (state === null) {
    // It ended just now, or this user may not look at it.
    return processExists(owner.pid) ? 'unknown' : 'gone';
  }
  if (state.startTicks !== owner.startTicks) return 'gone';
  // A killed process that nobody has waited for. While it still has threads, one of them may be
  // inside a write.
  if (state.isZombie && state.threads <= 1) return 'gone';
  return 'alive';
}

interface ProcessState {
  readonly isZombie: boolean;
  readonly threads: number;
  readonly startTicks: string;
}

async function processState(pid: number | 'self'): Promise<ProcessState | null> {
  const text = await textOf(`/proc/${pid}/stat`);
  if (text === null) return null;
  // The second field is the name in brackets, which may contain blanks and brackets itself.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, threads, startTicks] = [fields[0], fields[17], fields[19]];
  if (state === undefined || threads === undefined || startTicks === undefined) return null;
  return { isZombie: state === 'Z' || state === 'X', threads: Number(threads), startTicks };
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== 'ESRCH';
  }
}

async function textOf(path: string): Promise<string | null> {
  const text = await orNull(path, (file) => fs.promises.readFile(file, 'utf8'));
  return text === null ? null : text.trim();
}

/**
 * What a file of the kernel says, or null where it does not tell. A process without a descriptor must not
 * take that for an answer: it would write a lock that does not say whose it is, so the failure is thrown.
 */
async function orNull(
  path: string,
  read: (path: string) => Promise<string>,
): Promise<string | null> {
  try {
    return await read(path);
  } catch (cause) {
    const error = toFileError(cause, 'open', path);
    if (error.isTransient && error.kind !== 'permission') throw error;
    return null;
  }
}
