/**
 * One target in a thread of its own, whose memory is bounded and which can be ended while it hangs.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { Fuzzer, type FuzzReport } from './fuzz.ts';
import { InFlight } from './in-flight.ts';
import { targetOf } from './targets/index.ts';

export interface WorkerTask {
  readonly target: string;
  readonly seed: number;
  readonly seconds: number;
  readonly inFlight: SharedArrayBuffer;
}

export interface WorkerDone {
  readonly report: FuzzReport;
  readonly durationMs: number;
}

const task = workerData as WorkerTask;
const target = targetOf(task.target);
const inFlight = new InFlight(task.inFlight);
const startMs = performance.now();
const fuzzer = new Fuzzer(target, {
  seed: task.seed,
  isOver: () => performance.now() - startMs >= task.seconds * 1000,
  onRun: (decoder, input) => inFlight.begin(target.decoders.indexOf(decoder), input),
});
await fuzzer.run();
const done: WorkerDone = { report: fuzzer.report, durationMs: performance.now() - startMs };
parentPort?.postMessage(done, []);
