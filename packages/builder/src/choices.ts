/** Checks of the fields that choose a part: by a name that is known, or by the part itself. */
import type { CheckedConfig } from './config.ts';
import { BuilderConfigError } from './errors.ts';
import { hasMethods, isTransportBackend, isWalBackend } from './load-package.ts';
import {
  knownTypes,
  lineOf,
  metricTypes,
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
}

const quoted = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(', ');

const transportMethods = ['start', 'setPeer', 'removePeer', 'send', 'sendSnapshot', 'close'];
const snapshotMethods = ['open', 'list', 'create', 'read', 'verify', 'send', 'receive', 'close'];
const sessionMethods = ['register', 'unregister', 'judge', 'record', 'encode', 'restore'];

const isTransport = (value: unknown): boolean => hasMethods(value, transportMethods);

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
    isPart: (value) => hasMethods(value, snapshotMethods),
    part: 'a SnapshotManager',
    options: 'snapshotOptions',
  },
  {
    field: 'sessionType',
    knows: (name) => sessionTypes.includes(name),
    names: quoted(sessionTypes),
    isPart: (value) => hasMethods(value, sessionMethods),
    part: 'a SessionManager',
    options: 'sessionOptions',
  },
  {
    field: 'metricType',
    knows: (name) => metricTypes.includes(name),
    names: quoted(metricTypes),
    isPart: (value) => hasMethods(value, ['observe', 'distribution']),
    part: 'a MetricsCollector',
    options: 'metricOptions',
  },
];

/** Throws `BuilderConfigError`. */
export function checkChoices(config: CheckedConfig): void {
  for (const choice of choices) {
    const given: unknown = config[choice.field];
    if (choice.field === 'transportType') {
      if (given === undefined) continue;
      refuseElsewhere(given);
    }
    const isFine = typeof given === 'string' ? choice.knows(given) : choice.isPart(given);
    if (!isFine) {
      const allowed = `one of ${choice.names}, or ${choice.part}`;
      throw new BuilderConfigError(choice.field, given, allowed);
    }
    refuseOptionsOfMade(choice, config);
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

function refuseOptionsOfMade({ field, options, part }: Choice, config: CheckedConfig): void {
  const given: unknown = config[field];
  if (options === undefined || config[options] === undefined) return;
  if (typeof given === 'string' || isTransportBackend(given)) return;
  throw new BuilderConfigError(
    options,
    config[options],
    `left out where ${field} is ${part} of your own`,
  );
}
