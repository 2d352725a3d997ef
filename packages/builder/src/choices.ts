/** Checks of the fields that choose a part: by a name that is known, or by the part itself. */
import { partMethods } from '@babuza/raft/part-methods';
import type { CheckedConfig } from './config.ts';
import { BuilderConfigError } from './errors.ts';
import { hasCapabilities, hasMethods, isTransportBackend, isWalBackend } from './load-package.ts';
import {
  knownTypes,
  lineOf,
  metricTypes,
  NoMetrics,
  NoopSession,
  sessionTypes,
  snapshotTypes,
  transportRegistry,
  transportsElsewhere,
  walRegistry,
} from './registry.ts';

interface Choice {
  readonly field: 'walType' | 'transportType' | 'snapshotType' | 'sessionType' | 'metricType';
  readonly knows: (name: string) => boolean;
  /** All names, for people. */
  readonly names: string;
  readonly isPart: (value: unknown) => boolean;
  readonly part: string;
  /** Parts that are made already take no options; kinds do. */
  readonly options?: 'transportOptions' | 'snapshotOptions' | 'sessionOptions' | 'metricOptions';
  /** The name whose part has none. */
  readonly without?: string;
}

const quoted = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(', ');

const isTransport = (value: unknown): boolean => hasMethods(value, partMethods.transport);

const choices: readonly Choice[] = [
  {
    field: 'walType',
    knows: (name) => lineOf(walRegistry, name) !== undefined,
    names: knownTypes(walRegistry),
    isPart: isWalBackend,
    part: 'a WalBackend',
  },
  {
    field: 'transportType',
    knows: (name) => lineOf(transportRegistry, name) !== undefined,
    names: knownTypes(transportRegistry),
    isPart: (value) => isTransportBackend(value) || isTransport(value),
    part: 'a TransportBackend, or a Transport',
    options: 'transportOptions',
  },
  {
    field: 'snapshotType',
    knows: (name) => snapshotTypes.includes(name),
    names: quoted(snapshotTypes),
    isPart: (value) => hasMethods(value, partMethods.snapshotManager),
    part: 'a SnapshotManager',
    options: 'snapshotOptions',
  },
  {
    field: 'sessionType',
    knows: (name) => sessionTypes.includes(name),
    names: quoted(sessionTypes),
    isPart: (value) => hasMethods(value, partMethods.sessionManager),
    part: 'a SessionManager',
    options: 'sessionOptions',
    without: NoopSession,
  },
  {
    field: 'metricType',
    knows: (name) => metricTypes.includes(name),
    names: quoted(metricTypes),
    isPart: (value) => hasMethods(value, ['observe', 'distribution']),
    part: 'a MetricsCollector',
    options: 'metricOptions',
    without: NoMetrics,
  },
];

/** Throws `BuilderConfigError`. */
export function checkChoices(config: CheckedConfig): void {
  for (const choice of choices) {
    const given: unknown = config[choice.field];
    if (choice.field === 'transportType') refuseElsewhere(given);
    const isFine = typeof given === 'string' ? choice.knows(given) : choice.isPart(given);
    if (!isFine && !(choice.field === 'transportType' && given === undefined)) {
      const allowed = `one of ${choice.names}, or ${choice.part}`;
      throw new BuilderConfigError(choice.field, given, allowed);
    }
    refuseUselessOptions(choice, config);
  }
}

function refuseElsewhere(given: unknown): void {
  if (typeof given !== 'string' || !Object.hasOwn(transportsElsewhere, given)) return;
  const instead = transportsElsewhere[given] ?? '';
  throw new BuilderConfigError(
    'transportType',
    given,
    `'${instead}': '${given}' is not available here`,
  );
}

/** Options that nobody would read are a mistake: somebody relies on them. */
function refuseUselessOptions(choice: Choice, config: CheckedConfig): void {
  const { field, options, part, without } = choice;
  if (options === undefined || config[options] === undefined) return;
  const given: unknown = config[field];
  const refuse = (where: string): never => {
    throw new BuilderConfigError(options, config[options], `left out where ${where}`);
  };
  if (given === undefined) refuse(`there is no ${field}`);
  if (given === without) refuse(`${field} is '${without}'`);
  if (typeof given === 'string' || isTransportBackend(given)) return;
  refuse(`${field} is ${part} of your own`);
}

/** What the back end has given: of one's own, it may be anything. Throws `BuilderConfigError`. */
export function checkWalManager(given: unknown): void {
  if (hasMethods(given, partMethods.walManager) && hasCapabilities(given)) return;
  throw new BuilderConfigError('walType', given, 'a WalBackend whose open gives a WalManager');
}

/**
 * What the kind of transport has given: of one's own, it may be anything. Throws
 * `BuilderConfigError`.
 */
export function checkTransport(given: unknown): void {
  if (isTransport(given)) return;
  const allowed = 'a TransportBackend whose create gives a Transport, not a promise of one';
  throw new BuilderConfigError('transportType', given, allowed);
}
