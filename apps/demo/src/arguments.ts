/** The command line: what can be asked for, and what is said when it cannot. */
import { fileURLToPath } from 'node:url';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { isPackageDocument } from './common/documents.ts';
import { defaultWalType } from './log-story/open-log.ts';
import type { StorySettings } from './log-story/settings.ts';

const defaultLimitBytes: number = 96 * 1024 * 1024;
const defaultLimitFiles = 20_000;

export const helpText: string = `Usage: demo [log] [options]

Stories:
  log                  real files are logged by a process that is killed in the middle; the log is
                       recovered, verified, damaged on copies, and purged (default)

Options:
  --wal TYPE           the back end (default: ${defaultWalType})
  --input DIR          log all files below DIR (default: every package.json, *.md, *.d.ts and *.js
                       below the workspace's node_modules)
  --limit BYTES        take documents of so many bytes together; K, M and G may follow
                       (default: ${defaultLimitBytes / 1024 / 1024}M)
  --limit-files COUNT  take so many documents (default: ${defaultLimitFiles})
  --dir DIR            keep the log in DIR, which must not hold one yet (default: a temporary
                       folder that is removed at the end)
  --help               this text

Exit code: 0 when everything was verified, 1 when something failed, 2 for a wrong command line.
`;

/** Something in the command line is wrong: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What the command line asks for; nothing when it asks for help. Throws `UsageError`. */
export function readArguments(args: readonly string[]): StorySettings | undefined {
  const { values, positionals } = parsed(args);
  if (values.help === true) return undefined;
  const [story = 'log', ...rest] = positionals;
  if (story !== 'log') throw new UsageError(`unknown story ${story}; there is: log`);
  if (rest.length > 0) throw new UsageError(`more than one story: ${positionals.join(' ')}`);
  const { input, dir } = values;
  return {
    walType: values.wal ?? defaultWalType,
    inputFolder: input === undefined ? workspaceModules() : resolve(input),
    inputName:
      input === undefined
        ? "package.json, *.md, *.d.ts and *.js below the workspace's node_modules"
        : `all files below ${input}`,
    wanted: input === undefined ? isPackageDocument : () => true,
    keptFolder: dir === undefined ? undefined : resolve(dir),
    bytesMax: values.limit === undefined ? defaultLimitBytes : bytesOf('--limit', values.limit),
    filesMax:
      values['limit-files'] === undefined
        ? defaultLimitFiles
        : positive('--limit-files', values['limit-files'], /^\d+$/),
  };
}

function parsed(args: readonly string[]): ReturnType<typeof parse> {
  try {
    return parse(args);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      wal: { type: 'string' },
      input: { type: 'string' },
      limit: { type: 'string' },
      'limit-files': { type: 'string' },
      dir: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
}

function bytesOf(option: string, text: string): number {
  const match = /^(\d+)([KMG]?)$/i.exec(text);
  const units = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 };
  const unit = match?.[2]?.toUpperCase() ?? '';
  const factor = unit === 'K' || unit === 'M' || unit === 'G' ? units[unit] : 1;
  return positive(option, match?.[1] ?? text, /^\d+$/) * factor;
}

function positive(option: string, text: string, pattern: RegExp): number {
  const value = Number(text);
  if (!pattern.test(text) || !Number.isSafeInteger(value) || value < 1) {
    throw new UsageError(`${option} wants a number above 0, got ${text}`);
  }
  return value;
}

function workspaceModules(): string {
  return fileURLToPath(new URL('../../../node_modules', import.meta.url));
}
