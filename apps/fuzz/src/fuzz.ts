/** The loop: forges inputs from those that showed something new, and runs them. */
import { SeededRandom } from '@babuza/testkit';
import { corpusOf } from './corpus.ts';
import type { Decoder, Target } from './decoder.ts';
import { forge } from './forge/mutate.ts';
import { judge } from './judge.ts';
import { problemOf } from './problem.ts';
import { errorSignature, signatureOf } from './signature.ts';

/** An input that broke a rule. */
export interface Failure {
  readonly decoder: string;
  readonly input: Uint8Array;
  /** A description of the failure, with the stack of the error. */
  readonly problem: string;
}

export interface FuzzReport {
  readonly runs: number;
  /** Ways through the decoders that were seen. */
  readonly features: number;
  /** Inputs that showed a way that the corpus does not. */
  readonly newInputs: number;
  readonly failures: readonly Failure[];
}

export interface FuzzOptions {
  readonly seed: number;
  readonly isOver: () => boolean;
  /** Called before each run, so that an input that never ends can be told. */
  readonly onRun?: ((decoder: Decoder, input: Uint8Array) => void) | undefined;
}

const failuresMax = 10;
/** The number of inputs that are kept for each decoder; new ones replace old ones. */
const poolMax = 4000;

export class Fuzzer {
  readonly #target: Target;
  readonly #onRun: FuzzOptions['onRun'];
  readonly #isOver: () => boolean;
  readonly #random: SeededRandom;
  readonly #pools = new Map<Decoder, Uint8Array[]>();
  readonly #features = new Set<string>();
  readonly #failures = new Map<string, Failure>();
  #runs = 0;
  #newInputs = 0;

  constructor(target: Target, { seed, isOver, onRun }: FuzzOptions) {
    this.#target = target;
    this.#random = new SeededRandom(seed);
    this.#isOver = isOver;
    this.#onRun = onRun;
  }

  get report(): FuzzReport {
    return {
      runs: this.#runs,
      features: this.#features.size,
      newInputs: this.#newInputs,
      failures: [...this.#failures.values()],
    };
  }

  /** Runs samples and corpus, then forged inputs until it is over. */
  async run(): Promise<void> {
    await this.#runKnown();
    const wheel = this.#target.decoders.flatMap((decoder) =>
      Array.from({ length: decoder.weight ?? 1 }, () => decoder),
    );
    while (!this.#isOver() && this.#failures.size < failuresMax) {
      const decoder = wheel[this.#random.below(wheel.length)];
      if (decoder === undefined) return;
      const pool = this.#pools.get(decoder) ?? [];
      const input = forge(decoder, pool, this.#random);
      if (!(await this.#try(decoder, input))) continue;
      this.#newInputs += 1;
      if (pool.length < poolMax) pool.push(input);
      else pool[this.#random.below(poolMax)] = input;
    }
  }

  async #runKnown(): Promise<void> {
    const corpus = corpusOf(this.#target.name);
    for (const decoder of this.#target.decoders) {
      const kept = corpus.filter((each) => each.decoder === decoder.name);
      const known = [...decoder.samples, ...kept.map(({ input }) => input)];
      this.#pools.set(decoder, known);
      for (const input of known) await this.#try(decoder, input);
    }
  }

  /** Whether the input shows a new way through the decoder. */
  async #try(decoder: Decoder, input: Uint8Array): Promise<boolean> {
    this.#runs += 1;
    this.#onRun?.(decoder, input);
    try {
      const feature = `${decoder.name} ${signatureOf(await judge(decoder, input))}`;
      const isNew = !this.#features.has(feature);
      this.#features.add(feature);
      return isNew;
    } catch (error) {
      await this.#keep(decoder, input, error);
      return false;
    }
  }

  async #keep(decoder: Decoder, input: Uint8Array, error: unknown): Promise<void> {
    const signature = `${decoder.name} ${errorSignature(error)}`;
    if (this.#failures.has(signature)) return;
    const smaller = await smallest(decoder, input, errorSignature(error));
    this.#failures.set(signature, {
      decoder: decoder.name,
      input: smaller,
      problem: problemOf(error),
    });
  }
}

const shrinkMs = 2000;

/** Leaves out pieces as long as the input fails in the same way. */
async function smallest(
  decoder: Decoder,
  input: Uint8Array,
  signature: string,
): Promise<Uint8Array> {
  let best = input;
  const endMs = performance.now() + shrinkMs;
  for (let piece = Math.ceil(input.length / 2); piece >= 1; piece = Math.floor(piece / 2)) {
    for (let at = 0; at < best.length && performance.now() < endMs;) {
      const shorter = Buffer.concat([best.subarray(0, at), best.subarray(at + piece)]);
      const candidate = decoder.seal === undefined ? shorter : decoder.seal(shorter);
      if (candidate.length < best.length && (await failsAlike(decoder, candidate, signature))) {
        best = candidate;
      } else at += piece;
    }
  }
  return best;
}

async function failsAlike(
  decoder: Decoder,
  input: Uint8Array,
  signature: string,
): Promise<boolean> {
  try {
    await judge(decoder, input);
    return false;
  } catch (error) {
    return errorSignature(error) === signature;
  }
}
