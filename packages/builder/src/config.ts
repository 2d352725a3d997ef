/**
 * The configuration and its checks, field by field: each error names the field, what was given and what
 * is allowed. A field that is not known is refused, so that a misspelt one, or one of a part that this
 * release does not have, never counts as "default".
 */
import { resolve } from 'node:path';
import { checkedId, type WalBackend } from '@babuza/wal-core';
import { BuilderConfigError } from './errors.ts';
import { isWalBackend } from './load-backend.ts';
import type { Logger } from './logger.ts';
import { knownTypes, lineOf, walRegistry } from './registry.ts';

export interface BuilderConfig<WalOptions extends object = object> {
  /** The cluster that the node belongs to, from 0 to 2^64 − 1. */
  readonly clusterId: bigint | number;
  /** The node, from 1 to 2^64 − 1. It may be left out by tools that open somebody's log. */
  readonly nodeId?: bigint | number | undefined;
  /** The directory of everything that is stored; the log lies in `wal` below it. */
  readonly storageRootDir: string;
  /** The name of a log, such as `BabuzaWal`, or a back end of your own. */
  readonly walType: string | WalBackend<WalOptions>;
  /** Handed to the back end as they are: it knows them, and checks them. */
  readonly walOptions?: WalOptions | undefined;
  /** Where the builder reports what it decided. Default: nowhere. */
  readonly logger?: Logger | undefined;
}

/** A configuration whose fields were checked. */
export interface CheckedConfig<WalOptions extends object = object> {
  readonly clusterId: bigint;
  readonly nodeId: bigint | undefined;
  /** Absolute. */
  readonly storageRootDir: string;
  readonly walType: string | WalBackend<WalOptions>;
  readonly walOptions: WalOptions | undefined;
  readonly logger: Logger | undefined;
}

const knownFields: { readonly [Field in keyof BuilderConfig]-?: true } = {
  clusterId: true,
  nodeId: true,
  storageRootDir: true,
  walType: true,
  walOptions: true,
  logger: true,
};

const idAllowed = (first: number): string => `a bigint or a safe integer from ${first} to 2^64 - 1`;

/** Throws `BuilderConfigError`. */
export function checkedConfig<WalOptions extends object>(
  config: BuilderConfig<WalOptions>,
): CheckedConfig<WalOptions> {
  if (!isObject(config)) {
    throw new BuilderConfigError('the configuration', config, 'an object');
  }
  for (const field of Object.keys(config)) {
    if (!Object.hasOwn(knownFields, field)) {
      const known = Object.keys(knownFields).join(', ');
      throw new BuilderConfigError(
        field,
        Reflect.get(config, field),
        `left out: known are ${known}`,
      );
    }
  }
  const { nodeId, storageRootDir, walType, walOptions, logger } = config;
  if (typeof storageRootDir !== 'string' || storageRootDir === '' || hasNul(storageRootDir)) {
    throw new BuilderConfigError('storageRootDir', storageRootDir, 'the path of a directory');
  }
  checkWalType(walType);
  if (walOptions !== undefined && !isObject(walOptions)) {
    throw new BuilderConfigError('walOptions', walOptions, 'an object, or left out');
  }
  checkLogger(logger);
  return {
    clusterId: idOf('clusterId', config.clusterId, 0),
    nodeId: nodeId === undefined ? undefined : idOf('nodeId', nodeId, 1),
    storageRootDir: resolve(storageRootDir),
    walType,
    walOptions,
    logger,
  };
}

/** Raft uses 0 for "no node". */
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

function checkWalType(walType: unknown): void {
  if (typeof walType === 'string' && lineOf(walRegistry, walType) !== undefined) return;
  if (typeof walType !== 'string' && isWalBackend(walType)) return;
  throw new BuilderConfigError(
    'walType',
    walType,
    `one of ${knownTypes(walRegistry)}, or a WalBackend`,
  );
}

function checkLogger(logger: unknown): void {
  if (logger === undefined) return;
  for (const method of ['debug', 'info', 'warn', 'error']) {
    if (!isObject(logger) || typeof Reflect.get(logger, method) !== 'function') {
      throw new BuilderConfigError(
        'logger',
        logger,
        'an object with the methods debug, info, warn and error, or left out',
      );
    }
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function hasNul(text: string): boolean {
  return text.includes('\0');
}
