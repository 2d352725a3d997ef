/** The command line: what can be asked for, and what is said when it cannot. */
import { fileURLToPath } from 'node:url';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { ChaosSettings } from './cluster-story/chaos/story.ts';
import type { FailoverSettings } from './cluster-story/measuring/failover.ts';
import type { ThroughputSettings } from './cluster-story/measuring/throughput.ts';
import type { ClusterStorySettings } from './cluster-story/settings.ts';
import { isPackageDocument, type SearchLimits } from './common/documents.ts';
import { defaultWalType } from './log-story/open-log.ts';
import type { StorySettings } from './log-story/settings.ts';

const mebibyte: number = 1024 * 1024;
/** What each story takes of the documents unless it is told otherwise. */
const limits = {
  log: { bytesMax: 96 * mebibyte, filesMax: 20_000 },
  cluster: { bytesMax: 64 * mebibyte, filesMax: 12_000 },
};
const nodesMax = 9;
const clientsMax = 1024;

export const helpText: string = `Usage: demo [STORY] [options]

Stories:
  cluster              real files are written to a cluster of processes whose leader is killed and comes
                       back; a node joins, another leaves, and nothing is lost (default)
  chaos                a cluster is killed, cut and healed by chance under load; nothing is lost
  load                 writes per second of a cluster, at several numbers of clients
  failover             how long nobody leads when a leader is killed, many times
  log                  real files are logged by a process that is killed in the middle; the log is
                       recovered, verified, damaged on copies, and purged

Options of cluster, chaos, load and failover:
  --nodes COUNT        processes at the beginning, 3 to ${nodesMax} (default: 3)
  --clients COUNT      that write at a time (default: 32; of chaos 8; of load 1,64,256, one after the
                       other; not of failover)
  --wal TYPE[,TYPE…]   the log of all nodes, or of each in turn (default: ${defaultWalType})
  --serve              of cluster: keeps it running at the end, with a prompt: help says what it takes
  --seconds COUNT      of chaos: how long (default: 120); of load: with each number of clients (default: 10)
  --seed NUMBER        of chaos: what happens, and in which order (default: by chance)
  --kills COUNT        of failover (default: 100)

Options of cluster and log:
  --wal TYPE           the log (default: ${defaultWalType})
  --input DIR          take all files below DIR (default: every package.json, *.md, *.d.ts and *.js
                       below the workspace's node_modules)
  --limit BYTES        take documents of so many bytes together; K, M and G may follow
                       (default: ${limits.cluster.bytesMax / mebibyte}M; of the log ${limits.log.bytesMax / mebibyte}M)
  --limit-files COUNT  take so many documents (default: ${limits.cluster.filesMax}; of the log ${limits.log.filesMax})

Options of all:
  --dir DIR            keep everything in DIR, which must not hold a log yet (default: a temporary
                       folder that is removed at the end)
  --help               this text

Exit code: 0 when everything was verified, 1 when something failed, 2 for a wrong command line.
`;

/** Something in the command line is wrong: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export type Story =
  | { readonly story: 'log'; readonly settings: StorySettings }
  | { readonly story: 'cluster'; readonly settings: ClusterStorySettings }
  | { readonly story: 'chaos'; readonly settings: ChaosSettings }
  | { readonly story: 'load'; readonly settings: ThroughputSettings }
  | { readonly story: 'failover'; readonly settings: FailoverSettings };

/** What the command line asks for; nothing when it asks for help. Throws `UsageError`. */
export function readArguments(args: readonly string[]): Story | undefined {
  const { values, positionals } = parsed(args);
  if (values.help === true) return undefined;
  const [story = 'cluster', ...rest] = positionals;
  if (rest.length > 0) throw new UsageError(`more than one story: ${positionals.join(' ')}`);
  if (!isStory(story)) {
    throw new UsageError(`unknown story ${story}; there are: ${Object.keys(optionsOf).join(', ')}`);
  }
  const stranger = Object.keys(values).find((option) => !optionsOf[story].includes(option));
  if (stranger !== undefined) throw new UsageError(`--${stranger} is no option of ${story}`);
  const { wal: walType = defaultWalType } = values;
  if (story === 'log') {
    return { story, settings: { ...documentSettings(values, limits.log), walType } };
  }
  const size = clusterSize(values);
  switch (story) {
    case 'chaos':
      return {
        story,
        settings: { ...size, clients: clientsOf(values, 8), ...chaosSettings(values) },
      };
    case 'load':
      return { story, settings: { ...size, ...loadSettings(values) } };
    case 'failover':
      return { story, settings: { ...size, kills: wholeOf('kills', values.kills, 100) } };
    case 'cluster': {
      const documents = documentSettings(values, limits.cluster);
      const clients = clientsOf(values, 32);
      const serves = values.serve ?? false;
      return { story, settings: { ...size, clients, serves, ...documents } };
    }
  }
}

const common = ['wal', 'dir'];
const ofDocuments = ['input', 'limit', 'limit-files'];

/** By story: what may be said about it. */
const optionsOf: Record<Story['story'], readonly string[]> = {
  cluster: [...common, ...ofDocuments, 'nodes', 'clients', 'serve'],
  chaos: [...common, 'nodes', 'clients', 'seconds', 'seed'],
  load: [...common, 'nodes', 'clients', 'seconds'],
  failover: [...common, 'nodes', 'kills'],
  log: [...common, ...ofDocuments],
};

const isStory = (name: string): name is Story['story'] => Object.hasOwn(optionsOf, name);

interface ClusterSize {
  readonly nodes: number;
  readonly walTypes: readonly string[];
  readonly keptFolder: string | undefined;
}

function clusterSize({ nodes, wal, dir }: Values): ClusterSize {
  const count = nodes === undefined ? 3 : atMost('--nodes', nodes, nodesMax);
  if (count < 3) throw new UsageError('--nodes wants 3 at least: a majority has to be left');
  return {
    nodes: count,
    walTypes: (wal ?? defaultWalType).split(','),
    keptFolder: dir === undefined ? undefined : resolve(dir),
  };
}

const clientsOf = ({ clients }: Values, preset: number): number =>
  clients === undefined ? preset : atMost('--clients', clients, clientsMax);

const wholeOf = (option: string, text: string | undefined, preset: number): number =>
  text === undefined ? preset : positive(`--${option}`, text, /^\d+$/);

function chaosSettings({ seconds, seed }: Values): Pick<ChaosSettings, 'seconds' | 'seed'> {
  const byChance = Math.floor(Math.random() * 2 ** 32);
  return { seconds: wholeOf('seconds', seconds, 120), seed: wholeOf('seed', seed, byChance) };
}

function loadSettings({ clients, seconds }: Values): Omit<ThroughputSettings, keyof ClusterSize> {
  const counts = (clients ?? '1,64,256').split(',');
  return {
    clientCounts: counts.map((text) => atMost('--clients', text, clientsMax)),
    seconds: wholeOf('seconds', seconds, 10),
  };
}

interface DocumentSettings extends SearchLimits {
  readonly inputFolder: string;
  readonly inputName: string;
  readonly wanted: (fileName: string) => boolean;
  readonly keptFolder: string | undefined;
}

function documentSettings(values: Values, preset: SearchLimits): DocumentSettings {
  const { input, dir } = values;
  return {
    inputFolder: input === undefined ? workspaceModules() : resolve(input),
    inputName:
      input === undefined
        ? "package.json, *.md, *.d.ts and *.js below the workspace's node_modules"
        : `all files below ${input}`,
    wanted: input === undefined ? isPackageDocument : () => true,
    keptFolder: dir === undefined ? undefined : resolve(dir),
    bytesMax: values.limit === undefined ? preset.bytesMax : bytesOf('--limit', values.limit),
    filesMax:
      values['limit-files'] === undefined
        ? preset.filesMax
        : positive('--limit-files', values['limit-files'], /^\d+$/),
  };
}

type Values = ReturnType<typeof parse>['values'];

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
      nodes: { type: 'string' },
      clients: { type: 'string' },
      seconds: { type: 'string' },
      seed: { type: 'string' },
      kills: { type: 'string' },
      serve: { type: 'boolean' },
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

function atMost(option: string, text: string, most: number): number {
  const value = positive(option, text, /^\d+$/);
  if (value > most) throw new UsageError(`${option} wants at most ${most}, got ${text}`);
  return value;
}

function workspaceModules(): string {
  return fileURLToPath(new URL('../../../node_modules', import.meta.url));
}
