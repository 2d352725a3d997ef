/** Runs a target in a worker, and notices where the worker hangs or ends too early. */
import { Worker } from 'node:worker_threads';
import type { Target } from './decoder.ts';
import type { Failure, FuzzReport } from './fuzz.ts';
import { InFlight } from './in-flight.ts';
import { problemOf } from './problem.ts';
import type { WorkerDone, WorkerTask } from './worker.ts';

export interface TargetResult extends WorkerDone {
  readonly target: string;
}

const memoryMegabytesMax = 1024;
const lookEveryMs = 500;
/**
 * The time that a run may take beyond the limit of its decoder, because the machine may be busy.
 */
const hangSlackMs = 30_000;

/** `onProgress` gets the number of runs, now and then. */
export function runTarget(
  target: Target,
  { seed, seconds }: { readonly seed: number; readonly seconds: number },
  onProgress: (runs: number) => void,
): Promise<TargetResult> {
  const inFlight = new InFlight();
  const task: WorkerTask = { target: target.name, seed, seconds, inFlight: inFlight.buffer };
  const worker = new Worker(new URL('./worker.js', import.meta.url), {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: memoryMegabytesMax },
  });
  const longestMs = Math.max(0, ...target.decoders.map(({ durationMsMax = 0 }) => durationMsMax));
  const hangMs = longestMs + hangSlackMs;
  const startMs = performance.now();
  return new Promise((resolve) => {
    let runs = -1;
    let movedMs = startMs;
    const end = (done: WorkerDone): void => {
      clearInterval(watch);
      void worker.terminate();
      resolve({ target: target.name, ...done });
    };
    const fail = (problem: string): void => {
      const failure = failureOf(target, inFlight, problem);
      const report: FuzzReport = {
        runs: inFlight.runs,
        features: 0,
        newInputs: 0,
        failures: [failure],
      };
      end({ report, durationMs: performance.now() - startMs });
    };
    const watch = setInterval(() => {
      const nowMs = performance.now();
      if (inFlight.runs !== runs) movedMs = nowMs;
      runs = inFlight.runs;
      onProgress(runs);
      if (nowMs - movedMs > hangMs) fail(`it has not ended within ${hangMs} ms`);
    }, lookEveryMs);
    worker.once('message', end);
    worker.once('error', (error) => fail(`the worker ended: ${problemOf(error)}`));
    worker.once('exit', (code) => fail(`the worker ended with code ${code}`));
  });
}

function failureOf(target: Target, inFlight: InFlight, problem: string): Failure {
  const { decoderNumber, input } = inFlight.last();
  return { decoder: target.decoders[decoderNumber]?.name ?? 'none yet', input, problem };
}
