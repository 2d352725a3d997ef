/** The arguments of the command line, checked before anything runs. */
import { parseArgs } from 'node:util';
import type { Target } from './decoder.ts';
import { targetOf, targets } from './targets/index.ts';

const nameWidth = Math.max(...targets.map(({ name }) => name.length));

export const usage: string = `Usage: npx --yes pnpm@12.21.0 fuzz [options]

  --seconds N    how long each target runs (default 10)
  --target NAME  only this target; may be given several times (default: all of them)
  --seed N       the seed of the inputs (default 1)
  --jobs N       targets that run at the same time (default 2)
  --input FILE   runs the inputs of a file instead, each once, and says how they end

Targets:
${targets.map(({ name, description }) => `  ${name.padEnd(nameWidth)}  ${description}`).join('\n')}

An input that fails is written to .fuzz/, in the form of the lines of apps/fuzz/corpus/.`;

export interface Arguments {
  readonly targets: readonly Target[];
  readonly seconds: number;
  readonly seed: number;
  readonly jobs: number;
  /** A file of inputs to run; `undefined` means that inputs are generated. */
  readonly input: string | undefined;
}

/**
 * Parses the command line. Returns `undefined` for `--help`. Throws a `TypeError` with a message
 * for the user.
 */
export function parseArguments(args: readonly string[]): Arguments | undefined {
  const { values } = parseArgs({
    args: args.filter((argument) => argument !== '--'),
    options: {
      seconds: { type: 'string', default: '10' },
      target: { type: 'string', multiple: true },
      seed: { type: 'string', default: '1' },
      jobs: { type: 'string', default: '2' },
      input: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    targets: values.target === undefined ? targets : values.target.map(targetOf),
    seconds: wholeNumber('seconds', values.seconds, 1),
    seed: wholeNumber('seed', values.seed, 0),
    jobs: wholeNumber('jobs', values.jobs, 1),
    input: values.input,
  };
}

function wholeNumber(name: string, text: string, from: number): number {
  const value = Number(text);
  if (text !== '' && Number.isInteger(value) && value >= from) return value;
  throw new TypeError(`--${name} must be a whole number from ${from} on, got '${text}'`);
}
