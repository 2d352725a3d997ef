/** The arguments of the command line, checked before anything runs. */
import { parseArgs } from 'node:util';
import { targetOf, targets, type Target } from './targets.ts';

export const usage: string = `Usage: npx --yes pnpm@12.21.0 mutants [PACKAGE...] [options]

  PACKAGE        ${targets.map((each) => each.package).join(', ')} (default: all of them)
  --sample N     runs N mutants of each package, chosen by the seed (default: all of them)
  --seed N       the seed of the sample (default 1)
  --files TEXT   only files whose path contains the text, for example writer/
  --changed REF  only lines that differ from a commit of git, for example origin/main
  --minutes N    begins no mutant after N minutes; the next run goes on from there (default: no limit)
  --jobs N       mutants that run at the same time (default 1)
  --seconds N    judges a mutant by its fastest tests only, as many as run in N seconds (default: by all)
  --long         the long ladders judge too; without it they are left out
  --again        runs all chosen mutants, also those that have a result
  --list         prints the chosen mutants and runs nothing
  --min-score N  fails where the score of a package is lower, in percent (default 0)

Results are kept in .mutants/<package>.jsonl, and a run goes on where the one before it ended.
A mutant that survived runs again when a test has changed.`;

export interface Arguments {
  readonly targets: readonly Target[];
  /** The number of mutants to run; `undefined` means all. */
  readonly sample: number | undefined;
  readonly seed: number;
  readonly files: string;
  readonly changed: string | undefined;
  /** The time limit in minutes; `undefined` means no limit. */
  readonly minutes: number | undefined;
  readonly jobs: number;
  readonly testsMsMax: number;
  readonly withLongLadders: boolean;
  readonly again: boolean;
  readonly listOnly: boolean;
  readonly minScore: number;
}

/**
 * Parses the command line. Returns `undefined` for `--help`. Throws a `TypeError` with a message
 * for the user.
 */
export function parseArguments(args: readonly string[]): Arguments | undefined {
  const { values, positionals } = parseArgs({
    args: args.filter((argument) => argument !== '--'),
    allowPositionals: true,
    options: {
      sample: { type: 'string' },
      seed: { type: 'string', default: '1' },
      files: { type: 'string', default: '' },
      changed: { type: 'string' },
      minutes: { type: 'string' },
      jobs: { type: 'string', default: '1' },
      seconds: { type: 'string' },
      long: { type: 'boolean', default: false },
      again: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      'min-score': { type: 'string', default: '0' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    targets: positionals.length === 0 ? targets : positionals.map(targetOf),
    sample: values.sample === undefined ? undefined : wholeNumber('sample', values.sample, 1),
    seed: wholeNumber('seed', values.seed, 0),
    files: values.files,
    changed: values.changed,
    minutes: values.minutes === undefined ? undefined : wholeNumber('minutes', values.minutes, 1),
    jobs: wholeNumber('jobs', values.jobs, 1),
    testsMsMax:
      values.seconds === undefined ? Infinity : wholeNumber('seconds', values.seconds, 1) * 1000,
    withLongLadders: values.long,
    again: values.again,
    listOnly: values.list,
    minScore: wholeNumber('min-score', values['min-score'], 0),
  };
}

function wholeNumber(name: string, text: string, from: number): number {
  const value = Number(text);
  if (text !== '' && Number.isInteger(value) && value >= from) return value;
  throw new TypeError(`--${name} must be a whole number from ${from} on, got '${text}'`);
}
