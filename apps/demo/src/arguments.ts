/** Parses the command line into a story and its settings. */
import { fileURLToPath } from 'node:url';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { ChaosSettings } from './cluster-story/chaos/story.ts';
import type { FailoverSettings } from './cluster-story/measuring/failover.ts';
import type { HungDiskSettings } from './cluster-story/measuring/hung-disk.ts';
import type { ThroughputSettings } from './cluster-story/measuring/throughput.ts';
import type { ClusterSettings, ClusterStorySettings } from './cluster-story/settings.ts';
import type { SoakSettings } from './cluster-story/soak/story.ts';
import type { SwarmStorySettings } from './cluster-story/swarm/story.ts';
import { isPackageDocument, type SearchLimits } from './common/documents.ts';
import { atMost, bytesOf, positive, UsageError } from './argument-values.ts';
import { clientsMax, limits, nodesMax, sourcesMax } from './help-text.ts';
import { canHang } from './cluster/hanging-disk.ts';
import { defaultWalType } from './log-story/open-log.ts';
import type { StorySettings } from './log-story/settings.ts';

export type Story =
  | { readonly story: 'log'; readonly settings: StorySettings }
  | { readonly story: 'cluster'; readonly settings: ClusterStorySettings }
  | { readonly story: 'chaos'; readonly settings: ChaosSettings }
  | { readonly story: 'soak'; readonly settings: SoakSettings }
  | { readonly story: 'swarm'; readonly settings: SwarmStorySettings }
  | { readonly story: 'load'; readonly settings: ThroughputSettings }
  | {
      readonly story: 'failover';
      readonly fault: LeaderFault;
      readonly settings: FailoverSettings & HungDiskSettings;
    };

/** The faults that the failover story can inject into the leader. */
export type LeaderFault = 'kill' | 'hung-disk' | 'short-stalls';

const leaderFaults: readonly LeaderFault[] = ['kill', 'hung-disk', 'short-stalls'];

/**
 * Returns the story that the command line asks for, or `undefined` for `--help`. Throws
 * `UsageError`.
 */
export function readArguments(args: readonly string[]): Story | undefined {
  const { values, positionals } = parsed(args);
  if (values.help === true) return undefined;
  const [story = 'cluster', ...rest] = positionals;
  if (rest.length > 0) throw new UsageError(`expected one story, got ${positionals.join(' ')}`);
  if (!isStory(story)) {
    throw new UsageError(
      `unknown story ${story}; the stories are: ${Object.keys(optionsOf).join(', ')}`,
    );
  }
  const unknownOption = Object.keys(values).find((option) => !optionsOf[story].includes(option));
  if (unknownOption !== undefined) {
    throw new UsageError(`the story ${story} has no option --${unknownOption}`);
  }
  const { wal: walType = defaultWalType } = values;
  if (story === 'log') {
    return { story, settings: { ...documentSettings(values, limits.log), walType } };
  }
  return clusterStory(story, values);
}

function clusterStory(story: Exclude<Story['story'], 'log'>, values: Values): Story {
  const size = clusterSize(values);
  if (story === 'chaos') {
    const clients = clientsOf(values, 8);
    return { story, settings: { ...size, clients, ...chaosSettings(values) } };
  }
  if (story === 'soak') {
    const clients = clientsOf(values, 8);
    return { story, settings: { ...size, clients, ...soakSettings(values) } };
  }
  if (story === 'swarm') return { story, settings: { ...size, ...swarmSettings(values) } };
  if (story === 'load') return { story, settings: { ...size, ...loadSettings(values) } };
  if (story === 'failover') {
    const fault = faultOf(values, size);
    return { story, fault, settings: { ...size, kills: wholeOf('kills', values.kills, 100) } };
  }
  const documents = documentSettings(values, limits.cluster);
  const clients = clientsOf(values, 32);
  return { story, settings: { ...size, clients, serves: values.serve ?? false, ...documents } };
}

function faultOf({ fault = 'kill' }: Values, { walTypes }: ClusterSettings): LeaderFault {
  const known = leaderFaults.find((name) => name === fault);
  if (known === undefined) {
    throw new UsageError(`unknown --fault ${fault}; the faults are: ${leaderFaults.join(', ')}`);
  }
  const unable = known === 'kill' ? undefined : walTypes.find((walType) => !canHang(walType));
  if (unable === undefined) return known;
  throw new UsageError(
    `--fault ${known}: a log of type ${unable} has no disk that can be made to hang`,
  );
}

const common = ['wal', 'dir'];
const ofDocuments = ['input', 'limit', 'limit-files'];

/** The options that each story accepts. */
const optionsOf: Record<Story['story'], readonly string[]> = {
  cluster: [...common, ...ofDocuments, 'nodes', 'clients', 'serve'],
  chaos: [...common, 'nodes', 'clients', 'seconds', 'seed'],
  soak: [...common, 'nodes', 'clients', 'minutes', 'seed', 'report'],
  swarm: [...common, 'clients', 'seconds', 'sources', 'seed'],
  load: [...common, 'nodes', 'clients', 'seconds'],
  failover: [...common, 'nodes', 'kills', 'fault'],
  log: [...common, ...ofDocuments],
};

const isStory = (name: string): name is Story['story'] => Object.hasOwn(optionsOf, name);

function clusterSize({ nodes, wal, dir }: Values): ClusterSettings {
  const count = nodes === undefined ? 3 : atMost('--nodes', nodes, nodesMax);
  if (count < 3)
    throw new UsageError(
      '--nodes must be at least 3, so that a majority is left when one node is down',
    );
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
  return { seconds: wholeOf('seconds', seconds, 120), seed: seedOf(seed) };
}

const seedOf = (seed: string | undefined): number =>
  wholeOf('seed', seed, Math.floor(Math.random() * 2 ** 32));

function soakSettings({
  minutes,
  seed: text,
  report,
}: Values): Pick<SoakSettings, 'minutes' | 'seed' | 'reportPath'> {
  const seed = seedOf(text);
  const reportPath = resolve(report ?? `tmp/soak-${seed}`);
  return { minutes: wholeOf('minutes', minutes, 60), seed, reportPath };
}

function swarmSettings(
  values: Values,
): Omit<SwarmStorySettings, Exclude<keyof ClusterSettings, 'nodes'>> {
  const { seconds, sources = '50', seed } = values;
  return {
    clients: clientsOf(values, 64),
    seconds: wholeOf('seconds', seconds, 60),
    sources: atMost('--sources', sources, sourcesMax),
    seed: seedOf(seed),
  };
}

function loadSettings({
  clients,
  seconds,
}: Values): Omit<ThroughputSettings, keyof ClusterSettings> {
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
      minutes: { type: 'string' },
      report: { type: 'string' },
      seed: { type: 'string' },
      sources: { type: 'string' },
      kills: { type: 'string' },
      fault: { type: 'string' },
      serve: { type: 'boolean' },
      limit: { type: 'string' },
      'limit-files': { type: 'string' },
      dir: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
}

function workspaceModules(): string {
  return fileURLToPath(new URL('../../../node_modules', import.meta.url));
}
