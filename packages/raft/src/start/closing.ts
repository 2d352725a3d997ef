/**
 * Closes the components of a node one after the other, within a time limit. When the time is over,
 * the remaining ones are closed without waiting for those before them, so that the lock of the log
 * is released even if a state machine hangs.
 */
import type { Clock, Timer } from '@babuza/vfs';
import type { RaftComponent } from '../ports/component.ts';

export interface ClosingStep {
  /** The name of the step in a log line. */
  readonly name: string;
  readonly close: () => Promise<void> | void;
  /**
   * Steps that must not run at the same time as this one: it is left out while one of them has not
   * ended.
   */
  readonly after?: readonly string[];
}

export interface ClosingOptions {
  readonly clock: Clock;
  /** `Infinity`: no limit. */
  readonly timeoutMs: number;
  /** Called when a step has failed. The step counts as ended. */
  readonly onError: (name: string, error: unknown) => void;
}

interface ClosingParts {
  readonly apply: { stop(): Promise<void> };
  readonly snapshots: { saved(): Promise<void> };
  readonly stateMachine: { close(): Promise<void> | void };
  readonly identity: { stop(): Promise<void> };
}

/** How long the remaining steps may take after the timeout, in ms. */
const graceMs = 1000;

/**
 * The order of the steps: nothing more arrives, nothing more is applied or saved, then everything
 * is released.
 */
export function closingSteps(
  { apply, snapshots, stateMachine, identity }: ClosingParts,
  { transport, snapshotManager, walManager }: RaftComponent,
): readonly ClosingStep[] {
  const applying = 'the state machine (an apply or a restore is under way)';
  const saving = 'the state machine (it is being saved)';
  const after = [applying, saving];
  return [
    { name: 'the transport', close: () => transport.close() },
    { name: applying, close: () => apply.stop() },
    { name: 'the identity record', close: () => identity.stop() },
    { name: 'the snapshots', close: () => snapshotManager.close() },
    { name: saving, close: () => snapshots.saved() },
    { name: 'the state machine (close)', close: () => stateMachine.close(), after },
    { name: 'the log', close: () => walManager.close() },
  ];
}

/** Returns the names of the steps that have not ended; never rejects. */
export async function closeInOrder(
  steps: readonly ClosingStep[],
  { clock, timeoutMs, onError }: ClosingOptions,
): Promise<readonly string[]> {
  const unfinished = new Set(steps.map(({ name }) => name));
  const running = new Map<string, Promise<void>>();
  let isOver = false;
  const run = async ({ name, close, after = [] }: ClosingStep): Promise<void> => {
    for (const other of after) await running.get(other);
    // The caller has been told that this step did not end.
    if (isOver) return;
    try {
      await close();
    } catch (error) {
      onError(name, error);
    }
    unfinished.delete(name);
  };
  const started = (step: ClosingStep): Promise<void> => {
    const ending = running.get(step.name) ?? run(step);
    running.set(step.name, ending);
    return ending;
  };
  const inOrder = async (): Promise<void> => {
    for (const step of steps) if (!isLate) await started(step);
  };
  let isLate = false;
  await within(clock, timeoutMs, inOrder());
  isLate = true;
  if (unfinished.size > 0) await within(clock, graceMs, Promise.all(steps.map(started)));
  isOver = true;
  return [...unfinished];
}

/** Resolves when the work has ended, or when the time is over. */
async function within(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  let timer: Timer | undefined;
  const passed = new Promise<void>((resolve) => {
    // This timer keeps the process alive until the node has stopped, or has reported what did not
    // end.
    if (ms !== Infinity) timer = clock.startTimer(ms, resolve, true);
  });
  await Promise.race([work, passed]);
  timer?.cancel();
}
