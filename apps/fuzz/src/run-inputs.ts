/** Runs inputs of a file or of the corpus once. */
import type { CorpusInput } from './corpus.ts';
import type { Decoder } from './decoder.ts';
import { judge } from './judge.ts';
import { problemOf } from './problem.ts';
import { signatureOf } from './signature.ts';
import { targets } from './targets/index.ts';

export interface InputResult {
  readonly isFine: boolean;
  readonly text: string;
}

/** Throws `TypeError` for a name that no decoder has. */
export function decoderOf(name: string): Decoder {
  const found = targets.flatMap(({ decoders }) => decoders).find((each) => each.name === name);
  if (found === undefined) throw new TypeError(`there is no decoder '${name}'`);
  return found;
}

export async function runInput({ decoder, input }: CorpusInput): Promise<InputResult> {
  try {
    return { isFine: true, text: signatureOf(await judge(decoderOf(decoder), input)) };
  } catch (error) {
    return { isFine: false, text: problemOf(error) };
  }
}
