/** Checks the fields that choose a component, by a known name or by an object. */
import { partMethods } from '@babuza/raft/part-methods';
import type { CheckedConfig } from './builder-config.ts';
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
  /** All names, for error messages. */
  readonly names: string;
  readonly isPart: (value: unknown) => boolean;
  readonly part: string;
  /**
   * The field with the options of the component. Options are refused for a ready-made component,
   * and allowed for a name or a back end.
   */
  readonly options?: 'transportOptions' | 'snapshotOptions' | 'sessionOptions' | 'metricOptions';
  /** The name whose component takes no options. */
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

/**
 * Checks all choices.
 *
 * @throws BuilderConfigError (`BUILDER_CONFIG`) for the first field that is not valid.
 */
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

/** Refuses options that no component would read: the caller relies on them. */
function refuseUselessOptions(choice: Choice, config: CheckedConfig): void {
  const { field, options, part, without } = choice;
  if (options === undefined || config[options] === undefined) return;
  const given: unknown = config[field];
  const refuse = (where: string): never => {
    throw new BuilderConfigError(options, config[options], `left out if ${where}`);
  };
  if (given === undefined) refuse(`there is no ${field}`);
  if (given === without) refuse(`${field} is '${without}'`);
  if (typeof given === 'string' || isTransportBackend(given)) return;
  refuse(`${field} is ${part} of your own`);
}

/**
 * Checks the result of the `open` of a back end, which may be the caller's own.
 *
 * @throws BuilderConfigError (`BUILDER_CONFIG`) if it is not a `WalManager`.
 */
export function checkWalManager(given: unknown): void {
  if (hasMethods(given, partMethods.walManager) && hasCapabilities(given)) return;
  throw new BuilderConfigError('walType', given, 'a WalBackend whose open returns a WalManager');
}

/**
 * Checks the result of the `create` of a transport back end, which may be the caller's own.
 *
 * @throws BuilderConfigError (`BUILDER_CONFIG`) if it is not a `Transport`.
 */
export function checkTransport(given: unknown): void {
  if (isTransport(given)) return;
  const allowed = 'a TransportBackend whose create returns a Transport, not a promise of one';
  throw new BuilderConfigError('transportType', given, allowed);
}
