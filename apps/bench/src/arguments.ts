/** The arguments of the command line, checked before anything is measured. */
import { parseArgs } from 'node:util';

/** The parts that can be measured, in the order in which they run. */
export const parts = ['save', 'read', 'memory', 'level', 'core', 'transport', 'node'] as const;

export type Part = (typeof parts)[number];

export const usage: string = `Usage: npx --yes pnpm@12.21.0 bench [--dir DIR] [--rounds N] [--only PART[,PART...]]

  --dir DIR     where the files go; it should be on the disk that is to be measured
                (default: a folder of the system's temporary directory)
  --rounds N    rounds that count, after one that does not (default 5)
  --only LIST   only these parts, separated by commas: ${parts.join(', ')}
                (default: all of them; they always run in this order)`;

export interface Arguments {
  /** The directory of `--dir`; `undefined` means the system's temporary directory. */
  readonly directory: string | undefined;
  /** From 1. */
  readonly rounds: number;
  /** At least one. */
  readonly parts: ReadonlySet<Part>;
}

/**
 * Parses the command line. Returns `undefined` for `--help`. Throws a `TypeError` with a message
 * for the user.
 */
export function parseArguments(args: readonly string[]): Arguments | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      dir: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      only: { type: 'string', multiple: true },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new TypeError(`--rounds must be a whole number from 1 on, got '${values.rounds}'`);
  }
  const only = values.only?.join(',');
  return { directory: values.dir, rounds, parts: chosenParts(only) };
}

function chosenParts(only: string | undefined): ReadonlySet<Part> {
  if (only === undefined) return new Set(parts);
  return new Set(only.split(',').map((word) => partOf(word.trim(), only)));
}

function partOf(word: string, only: string): Part {
  const part = parts.find((name) => name === word);
  if (part !== undefined) return part;
  throw new TypeError(
    `--only must be a list of ${parts.join(', ')}, separated by commas; got '${only}', in which '${word}' is none of them`,
  );
}
