/**
 * The configuration and its checks, field by field. Each error names the field, the value that was
 * given and the values that are allowed. An unknown field is refused, so that a misspelt one, or
 * one of another release, is not silently ignored.
 */
import { resolve } from 'node:path';
import { checkedId } from '@babuza/wal-core';
import { checkChoices } from './choices.ts';
import { BuilderConfigError } from './errors.ts';
import { fieldsOf } from './fields.ts';
import { hasMethods } from './load-package.ts';
import { DurableSnapshot, LruSession, NoMetrics } from './registry.ts';
import type { BuilderConfig, CheckedConfig } from './builder-config.ts';

const optionFields = [
  'walOptions',
  'transportOptions',
  'snapshotOptions',
  'sessionOptions',
  'metricOptions',
] as const;

/** Ready-made objects, with the methods that they must have. */
const handedIn = {
  logger: ['debug', 'info', 'warn', 'error'],
  clock: ['monotonicMs', 'wallMs', 'startTimer', 'sleep'],
  random: ['uint32'],
} as const;

const idAllowed = (first: number): string => `a bigint or a safe integer from ${first} to 2^64 - 1`;

/**
 * Checks a configuration and fills in the defaults.
 *
 * @throws BuilderConfigError (`BUILDER_CONFIG`) for the first field that is not valid.
 */
export function checkedConfig<WalOptions extends object, TransportOptions extends object>(
  config: BuilderConfig<WalOptions, TransportOptions>,
): CheckedConfig<WalOptions, TransportOptions> {
  if (!isObject(config)) {
    throw new BuilderConfigError('the configuration', config, 'an object');
  }
  const fields = fieldsOf(config);
  const { nodeId, storageRootDir } = fields;
  if (
    typeof storageRootDir !== 'string' ||
    storageRootDir === '' ||
    storageRootDir.includes('\0')
  ) {
    throw new BuilderConfigError('storageRootDir', storageRootDir, 'the path of a directory');
  }
  const checked = {
    ...fields,
    clusterId: idOf('clusterId', fields.clusterId, 0),
    nodeId: nodeId === undefined ? undefined : idOf('nodeId', nodeId, 1),
    storageRootDir: resolve(storageRootDir),
    snapshotType: fields.snapshotType === undefined ? DurableSnapshot : fields.snapshotType,
    sessionType: fields.sessionType === undefined ? LruSession : fields.sessionType,
    metricType: fields.metricType === undefined ? NoMetrics : fields.metricType,
  };
  checkObjects(checked);
  checkChoices(checked);
  return checked;
}

/** `first` is 1 for node ids, because Raft uses 0 for "no node". */
function idOf(field: string, given: bigint | number, first: number): bigint {
  let id: bigint;
  try {
    id = checkedId(field, given);
  } catch {
    throw new BuilderConfigError(field, given, idAllowed(first));
  }
  if (id < first) throw new BuilderConfigError(field, given, idAllowed(first));
  return id;
}

function checkObjects(config: CheckedConfig): void {
  for (const field of optionFields) {
    const options = config[field];
    if (options !== undefined && !isObject(options)) {
      throw new BuilderConfigError(field, options, 'an object, or left out');
    }
  }
  for (const field of ['logger', 'clock', 'random'] as const) {
    const part = config[field];
    const methods = handedIn[field];
    if (part === undefined || hasMethods(part, methods)) continue;
    const named = [methods.slice(0, -1).join(', '), methods.at(-1)].filter(Boolean).join(' and ');
    const what = methods.length === 1 ? 'the method' : 'the methods';
    throw new BuilderConfigError(field, part, `an object with ${what} ${named}, or left out`);
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
