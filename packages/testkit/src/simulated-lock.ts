/** The lock of a directory of the simulated disk. Tests can make it stale and take it away. */
import type { DirectoryLock } from '@babuza/vfs';
import { FileError } from '@babuza/vfs';

export interface SimulatedLockCalls {
  /** Runs a confirmation as a call of the disk. */
  readonly confirm: (confirming: () => void) => Promise<void>;
  /** Returns the lock to the disk. */
  readonly release: () => Promise<void>;
}

type State = 'fresh' | 'stale' | 'taken away' | 'released';

export class SimulatedLock implements DirectoryLock {
  readonly tookFromSilentOwner: boolean;
  readonly #path: string;
  readonly #calls: SimulatedLockCalls;
  readonly #listeners: ((error: FileError) => void)[] = [];
  #state: State = 'fresh';
  #lost: FileError | undefined;

  constructor(path: string, calls: SimulatedLockCalls, tookFromSilentOwner: boolean) {
    this.#path = path;
    this.tookFromSilentOwner = tookFromSilentOwner;
    this.#calls = calls;
  }

  isFresh(): boolean {
    return this.#state === 'fresh';
  }

  confirm(): Promise<void> {
    return this.#calls.confirm(() => {
      if (this.#state === 'released') throw new FileError('closed', 'lock', this.#path);
      if (this.#state === 'taken away') throw this.noticeLoss();
      this.#state = 'fresh';
    });
  }

  onLost(listener: (error: FileError) => void): void {
    if (this.#lost === undefined) this.#listeners.push(listener);
    else listener(this.#lost);
  }

  async release(): Promise<void> {
    if (this.#state === 'released') return;
    const wasTaken = this.#state === 'taken away';
    this.#state = 'released';
    await this.#calls.release();
    if (wasTaken) {
      const detail = 'it was lost while held: it was taken away';
      throw new FileError('locked', 'unlock', this.#path, { detail });
    }
  }

  /** The owner is suspended for so long that others may take over. */
  stall(): void {
    if (this.#state === 'fresh') this.#state = 'stale';
  }

  /** Another owner may take the lock from now on. */
  takeAway(): void {
    this.#state = 'taken away';
  }

  /** A heartbeat that finds the lock lost calls this; it tells the listeners. Returns the error. */
  noticeLoss(): FileError {
    if (this.#lost !== undefined) return this.#lost;
    const detail = 'this process no longer holds it: it was taken away';
    const error = new FileError('lock-lost', 'lock', this.#path, { detail });
    this.#lost = error;
    for (const listener of this.#listeners.splice(0)) listener(error);
    return error;
  }
}
