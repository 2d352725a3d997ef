/**
 * Identifies this process and tells whether another one is still running. A process id alone does
 * not suffice: ids are used again, and a restarted container has the same one. On Linux a process
 * is identified by its id, the boot, the process namespace and its start time.
 */
import fs from 'node:fs';
import { hostname } from 'node:os';
import { errnoOf, toFileError } from '../classify-error.ts';
import { platform } from '../platform.ts';

/**
 * The identity of a process among all others. Fields that the platform does not tell are `null`.
 */
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

/** `unknown` if this process cannot decide it; then only the heartbeat tells. */
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
    // The process id belongs to another namespace or host, so it means another process here. If
    // only the host names differ, the name may have been changed, and the namespace decides.
    if (owner.pidNamespace === null || owner.pidNamespace !== self.pidNamespace) return 'unknown';
  }
  if (!processExists(owner.pid)) return 'gone';
  if (owner.startTicks === null || self.startTicks === null) return 'unknown';
  const state = await processState(owner.pid);
  if (state === null) {
    // The process ended just now, or this user may not read its state.
    return processExists(owner.pid) ? 'unknown' : 'gone';
  }
  if (state.startTicks !== owner.startTicks) return 'gone';
  // A zombie: the process was killed and its parent has not waited for it. While it still has other
  // threads, one of them may be inside a write.
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
 * The content of a file of the kernel, or null if the platform does not have it. A shortage, such
 * as no free descriptor, throws: with null in its place the lock would not name its owner.
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
