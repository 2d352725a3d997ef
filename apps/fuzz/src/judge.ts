/**
 * Runs one input and checks what holds for every decoder: time, memory, and that the input stays as
 * it was.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Finding, type Decoder, type Outcome } from './decoder.ts';

/**
 * The bytes that a run may allocate for each byte of its input. An empty message takes two bytes
 * and becomes an object with 14 fields. An id takes one byte and becomes a bigint in a growing
 * list. Most runs decode it twice.
 */
export const allocatedPerInputByte = 512;
const allocatedBytesDefault = 4 * 1024 * 1024;
const durationMsDefault = 1000;
/**
 * A busy machine and the collection of garbage are no findings: what is too much must be so again.
 */
const repetitions = 3;
/** A run that takes this share of its time is measured again. */
const suspiciousShare = 0.02;
/** Around each input lie other bytes, so that a view without its offset or length reads them. */
const marginBytes = 24;

interface Measured {
  readonly outcome: Outcome;
  readonly durationMs: number;
  readonly allocatedBytes: number;
}

/** Throws where a rule does not hold. */
export async function judge(decoder: Decoder, input: Uint8Array): Promise<Outcome> {
  const { durationMsMax = durationMsDefault, allocatedBytesMax = allocatedBytesDefault } = decoder;
  const bytesMax = allocatedBytesMax + allocatedPerInputByte * input.length;
  let measured = await measure(decoder, input);
  // A slow run may include a garbage collection that freed its memory together with older garbage,
  // so it is measured again.
  if (measured.durationMs > durationMsMax * suspiciousShare) {
    collectGarbage();
    measured = await measure(decoder, input);
  }
  for (let time = 0; time < repetitions; time += 1) {
    if (measured.durationMs <= durationMsMax && measured.allocatedBytes <= bytesMax) break;
    collectGarbage();
    const again = await measure(decoder, input);
    measured = {
      outcome: again.outcome,
      durationMs: Math.min(measured.durationMs, again.durationMs),
      allocatedBytes: Math.min(measured.allocatedBytes, again.allocatedBytes),
    };
  }
  const { outcome, durationMs, allocatedBytes } = measured;
  if (durationMs > durationMsMax) {
    throw new Finding(
      `it takes ${Math.round(durationMs)} ms; at most ${durationMsMax} are allowed`,
    );
  }
  if (allocatedBytes > bytesMax) {
    throw new Finding(
      `it allocates ${allocatedBytes} bytes for an input of ${input.length}; at most ${bytesMax} are allowed`,
    );
  }
  return outcome;
}

async function measure(decoder: Decoder, input: Uint8Array): Promise<Measured> {
  const around = new Uint8Array(input.length + 2 * marginBytes).fill(0xa5);
  around.set(input, marginBytes);
  const view = around.subarray(marginBytes, marginBytes + input.length);
  const bytesBefore = memoryBytes();
  const startMs = performance.now();
  const running = decoder.run(view);
  // Most decoders return at once, and a turn of the event loop takes longer than they do.
  const outcome = running instanceof Promise ? await running : running;
  const durationMs = performance.now() - startMs;
  const allocatedBytes = memoryBytes() - bytesBefore;
  if (Buffer.compare(view, input) !== 0) throw new Finding('it has changed its input');
  return { outcome, durationMs, allocatedBytes };
}

let collect: (() => void) | undefined;

/** Otherwise what earlier runs have left would be freed during this one, and hide what it takes. */
function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    const found: unknown = runInNewContext('gc');
    collect =
      typeof found === 'function' ? () => void Reflect.apply(found, undefined, []) : () => {};
  }
  collect();
}

function memoryBytes(): number {
  const { used_heap_size: heap, external_memory: outside } = getHeapStatistics();
  return heap + outside;
}
