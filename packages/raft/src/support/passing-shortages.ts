/**
 * Work that waits for a shortage to pass. A system that is short of descriptors or memory says
 * nothing about the data, so the same call is made again after a pause, until it succeeds or its
 * signal fires. Everything else that fails is thrown at once.
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

/** Whether the same call may succeed later, and nothing is known to be wrong. */
export function mayPass(error: unknown): boolean {
  return error instanceof Error && 'code' in error && passingCodes.has(error.code);
}

export class PassingShortages {
  readonly #parts: PassingShortagesParts;

  constructor(parts: PassingShortagesParts) {
    this.#parts = parts;
  }

  /**
   * Makes the call again as long as it fails with an error that may pass. Rejects with every other
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
   * The snapshot with files whose reading goes on behind the last byte that was handed out: a
   * reader notices nothing of a shortage but that it takes longer.
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

/** Each attempt reads from the beginning, so that it checks all that it passes over. */
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
 * The pauses of one piece of work: the first one is short, and each is twice as long as the last.
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

  /** Rejects with the reason of the signal when that fires before the pause is over. */
  async next(error: unknown): Promise<void> {
    const { clock, logger } = this.#parts;
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(retryMsMax, 2 * pauseMs);
    // One line for a shortage, however long it lasts.
    if (pauseMs === retryMsMin) {
      logger?.warn('the system is short of something; the work goes on after a pause', {
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
