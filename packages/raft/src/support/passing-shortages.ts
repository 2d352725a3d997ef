/**
 * Repeats work until a shortage has passed. A system that is short of descriptors or memory says
 * nothing about the data, so the same call is made again after a pause, until it succeeds or its
 * signal fires. Every other error is thrown at once.
 */
import type { Clock } from '@babuza/vfs';
import { retryMsMax, retryMsMin } from '../driver/append-path.ts';
import type { Logger } from '../ports/logger.ts';
import type { OpenSnapshot } from '../ports/snapshot-manager.ts';
import { waiting } from '../proposals/waiters.ts';

export interface PassingShortagesParts {
  readonly clock: Clock;
  readonly logger: Logger | undefined;
}

const passingCodes: ReadonlySet<unknown> = new Set([
  'SNAPSHOT_TRY_AGAIN',
  'WAL_TRY_AGAIN',
  'WAL_NO_SPACE',
]);

/** Whether the same call may succeed later, without anything being wrong with the data. */
export function mayPass(error: unknown): boolean {
  return error instanceof Error && 'code' in error && passingCodes.has(error.code);
}

export class PassingShortages {
  readonly #parts: PassingShortagesParts;

  constructor(parts: PassingShortagesParts) {
    this.#parts = parts;
  }

  /**
   * Repeats the call as long as it fails with an error that may pass. Rejects with every other
   * error of the call, or with the reason of the signal.
   */
  async outlast<T>(task: string, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
    const pauses = new Pauses(this.#parts, task, signal);
    for (;;) {
      signal.throwIfAborted();
      try {
        return await call();
      } catch (error) {
        if (!mayPass(error)) throw error;
        await pauses.next(error);
      }
    }
  }

  /**
   * The snapshot with files whose reading resumes behind the last byte that was handed out. A
   * shortage only makes reading take longer.
   */
  steady(open: OpenSnapshot, task: string, signal: AbortSignal): OpenSnapshot {
    return {
      snapshot: open.snapshot,
      fileNames: open.fileNames,
      readFile: (name) => readOn(() => open.readFile(name), new Pauses(this.#parts, task, signal)),
      close: () => open.close(),
      [Symbol.asyncDispose]: () => open[Symbol.asyncDispose](),
    };
  }
}

/** Each attempt reads from the beginning, so that the bytes it skips are checked again. */
async function* readOn(
  read: () => AsyncIterable<Uint8Array>,
  pauses: Pauses,
): AsyncGenerator<Uint8Array, void, void> {
  let givenBytes = 0;
  for (;;) {
    let skippedBytes = givenBytes;
    try {
      for await (const chunk of read()) {
        const fresh = skippedBytes === 0 ? chunk : chunk.subarray(skippedBytes);
        skippedBytes -= chunk.length - fresh.length;
        if (fresh.length === 0) continue;
        givenBytes += fresh.length;
        pauses.progressed();
        yield fresh;
      }
      return;
    } catch (error) {
      if (!mayPass(error)) throw error;
      await pauses.next(error);
    }
  }
}

/**
 * The pauses of one piece of work: the first one is short, and each is twice as long as the one
 * before.
 */
class Pauses {
  readonly #parts: PassingShortagesParts;
  readonly #task: string;
  readonly #signal: AbortSignal;
  #pauseMs = retryMsMin;

  constructor(parts: PassingShortagesParts, task: string, signal: AbortSignal) {
    this.#parts = parts;
    this.#task = task;
    this.#signal = signal;
  }

  progressed(): void {
    this.#pauseMs = retryMsMin;
  }

  /** Rejects with the reason of the signal if it fires before the pause is over. */
  async next(error: unknown): Promise<void> {
    const { clock, logger } = this.#parts;
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(retryMsMax, 2 * pauseMs);
    // A shortage is logged once, however long it lasts.
    if (pauseMs === retryMsMin) {
      logger?.warn('the system is short of a resource; the work is tried again after a pause', {
        task: this.#task,
        error,
      });
    }
    await waiting<void>(this.#signal, ({ resolve }) => {
      const timer = clock.startTimer(pauseMs, () => resolve());
      return () => timer.cancel();
    });
  }
}
