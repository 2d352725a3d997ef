/**
 * All calls into the Raft core. Each call is followed by a turn of the loop, which handles the
 * core's output. An error after which the core cannot go on stops the node.
 */
import type { RawNode } from '@babuza/raft-core';
import { isPanic, isRefusal } from './core-errors.ts';

export interface CoreDriverOptions {
  /** Asks for a turn of the loop. */
  readonly wake: () => void;
  /** Stops the node. */
  readonly onFailure: (error: unknown) => void;
  /** The reason for which the node has stopped; `undefined` while it runs. */
  readonly stopCause: () => Error | undefined;
}

export class CoreDriver {
  readonly node: RawNode;
  readonly #options: CoreDriverOptions;

  constructor(node: RawNode, options: CoreDriverOptions) {
    this.node = node;
    this.#options = options;
  }

  /**
   * Runs a step for a caller who waits for its result. The step's error reaches the caller; when
   * the node has stopped, the reason for that reaches the caller instead.
   */
  run<T>(step: (node: RawNode) => T): T {
    try {
      return this.#run(step);
    } catch (error) {
      throw this.#options.stopCause() ?? error;
    }
  }

  /**
   * Runs a step for which nobody waits, as in a timer. A step that the core refuses is dropped, as
   * a message would be that got lost. Any other error has left the core in the middle of a step,
   * and stops the node. Does nothing after the node has stopped.
   */
  tryRun(step: (node: RawNode) => void): void {
    if (this.#options.stopCause() !== undefined) return;
    try {
      this.#run(step);
    } catch (error) {
      if (!isRefusal(error)) this.#options.onFailure(error);
    }
  }

  #run<T>(step: (node: RawNode) => T): T {
    try {
      return step(this.node);
    } catch (error) {
      if (isPanic(error)) this.#options.onFailure(error);
      throw error;
    } finally {
      this.#options.wake();
    }
  }
}
