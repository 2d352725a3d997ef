/** The real environment: the disk, the clock and the random numbers of this machine. */
import { randomBytes } from 'node:crypto';
import type { Clock, Environment, Random, Timer } from './environment.ts';
import type { FileSystem } from './file-system.ts';
import { NodeFileSystem } from './node-file-system.ts';
import { RetryingFileSystem } from './retrying-file-system.ts';

/**
 * The longest delay of a timer, about 25 days. The platform fires a timer with a longer delay at
 * once.
 */
const timerMsMax: number = 2 ** 31 - 1;

/** The clock of the machine. A sleep keeps the process alive; a timer does so only on request. */
export class NodeClock implements Clock {
  monotonicMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  startTimer(delayMs: number, callback: () => void, keepsAlive = false): Timer {
    const timeout = setTimeout(callback, Math.min(delayMs, timerMsMax));
    if (!keepsAlive) timeout.unref();
    return {
      cancel: () => {
        clearTimeout(timeout);
      },
    };
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      if (delayMs <= 0) setImmediate(resolve);
      else setTimeout(resolve, Math.min(delayMs, timerMsMax));
    });
  }
}

/**
 * The bytes that one call to the operating system fetches, because a call for each number would be
 * slow.
 */
const POOL_BYTES = 256;

/** Random numbers from the operating system. */
export class NodeRandom implements Random {
  #pool = Buffer.alloc(0);
  #offset = 0;

  uint32(): number {
    if (this.#offset === this.#pool.length) {
      this.#pool = randomBytes(POOL_BYTES);
      this.#offset = 0;
    }
    const value = this.#pool.readUInt32LE(this.#offset);
    this.#offset += 4;
    return value;
  }
}

class NodeEnvironment implements Environment {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly random: Random;

  constructor() {
    this.clock = new NodeClock();
    this.random = new NodeRandom();
    const fileSystem = new NodeFileSystem(this.clock, this.random);
    this.fileSystem = new RetryingFileSystem(fileSystem, this.clock);
  }
}

/** The real disk, clock and random numbers. */
export function nodeEnvironment(): Environment {
  return new NodeEnvironment();
}
