/**
 * Loads the package of a part that was chosen by name, and no other. An import that fails says the
 * same of the package itself and of something that the package imports; so after a failure it is
 * asked whether the package can be found at all.
 */
import type { TransportBackend } from '@babuza/raft';
import type { WalBackend } from '@babuza/wal-core';
import { BackendNotInstalledError, BackendUnusableError } from './errors.ts';

/** Imports packages as seen from this one. Replaced in tests. */
export interface PackageLoader {
  load(packageName: string): Promise<unknown>;
  /** Throws an error with code `ERR_MODULE_NOT_FOUND` where the package is not installed. */
  find(packageName: string): void;
}

const nodeLoader: PackageLoader = {
  load: (packageName) => import(packageName),
  // Not `require.resolve`: it looks in more places than an import does.
  find: (packageName) => void import.meta.resolve(packageName),
};

/** Throws `BackendNotInstalledError` or `BackendUnusableError`. */
export async function loadBackend(
  type: string,
  packageName: string,
  loader?: PackageLoader,
): Promise<WalBackend> {
  const backend = propertyOf(await loadPackage(type, packageName, loader), 'walBackend');
  if (isWalBackend(backend) && backend.types.includes(type)) return backend;
  throw new BackendUnusableError(packageName, `exports no walBackend of the type '${type}'`);
}

/** Throws `BackendNotInstalledError` or `BackendUnusableError`. */
export async function loadTransport(
  type: string,
  packageName: string,
  loader?: PackageLoader,
): Promise<TransportBackend> {
  const backend = propertyOf(await loadPackage(type, packageName, loader), 'transportBackend');
  if (isTransportBackend(backend) && backend.types.includes(type)) return backend;
  throw new BackendUnusableError(packageName, `exports no transportBackend of the type '${type}'`);
}

async function loadPackage(
  type: string,
  packageName: string,
  loader: PackageLoader = nodeLoader,
): Promise<unknown> {
  try {
    return await loader.load(packageName);
  } catch (error) {
    if (!isInstalled(packageName, loader)) {
      throw new BackendNotInstalledError(type, packageName, error);
    }
    throw new BackendUnusableError(packageName, `failed to load: ${String(error)}`, error);
  }
}

function isInstalled(packageName: string, loader: PackageLoader): boolean {
  try {
    loader.find(packageName);
    return true;
  } catch (error) {
    return propertyOf(error, 'code') !== 'ERR_MODULE_NOT_FOUND';
  }
}

/** Whether a value presents itself as a back end of logs. */
export function isWalBackend(value: unknown): value is WalBackend {
  return (
    hasTypes(value) && hasCapabilities(value) && typeof propertyOf(value, 'open') === 'function'
  );
}

/** Whether a value says what a log can do. */
export function hasCapabilities(value: unknown): boolean {
  return typeof propertyOf(propertyOf(value, 'capabilities'), 'durable') === 'boolean';
}

/** Whether a value presents itself as a kind of transport. */
export function isTransportBackend(value: unknown): value is TransportBackend {
  return hasTypes(value) && typeof propertyOf(value, 'create') === 'function';
}

function hasTypes(value: unknown): boolean {
  const types = propertyOf(value, 'types');
  return (
    Array.isArray(types) &&
    types.length > 0 &&
    types.every((type) => typeof type === 'string' && type !== '')
  );
}

/** Whether a value is an object with all of these methods. */
export function hasMethods(value: unknown, methods: readonly string[]): boolean {
  return methods.every((method) => typeof propertyOf(value, method) === 'function');
}

function propertyOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Reflect.get(value, name);
}
