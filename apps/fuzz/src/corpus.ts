/**
 * The corpus: inputs that are kept, one file for each target. A line is the name of a decoder, a
 * colon, and the input in hexadecimal digits; a line that begins with `#` says what the next one
 * is.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface CorpusInput {
  readonly decoder: string;
  readonly input: Uint8Array;
}

export const corpusFolder: string = fileURLToPath(new URL('../corpus/', import.meta.url));

export function lineOf({ decoder, input }: CorpusInput): string {
  return `${decoder}: ${Buffer.from(input).toString('hex')}`.trimEnd();
}

/** Parses a line of a corpus file. Throws a `TypeError` for an invalid line. */
export function parseInputs(text: string, file: string): CorpusInput[] {
  const inputs: CorpusInput[] = [];
  for (const [at, line] of text.split('\n').entries()) {
    if (line === '' || line.startsWith('#')) continue;
    const match = /^([^:]+):(?: ((?:[0-9a-f]{2})*))?$/.exec(line);
    if (match === null) {
      throw new TypeError(`${file}: line ${at + 1} is not the name of a decoder and bytes in hex`);
    }
    inputs.push({ decoder: match[1] ?? '', input: Buffer.from(match[2] ?? '', 'hex') });
  }
  return inputs;
}

/** The inputs that are kept for a target; none where it has no file. */
export function corpusOf(target: string): CorpusInput[] {
  const file = `${corpusFolder}${target}.txt`;
  return existsSync(file) ? parseInputs(readFileSync(file, 'utf8'), file) : [];
}
