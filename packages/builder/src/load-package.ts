/**
 * Loads the package of a component that was chosen by name. A failed import has the same error code
 * whether the package itself is missing or one of its dependencies. So after a failure the loader
 * checks whether the package can be resolved.
 */
import type { TransportBackend } from '@babuza/raft/ports';
import type { WalBackend } from '@babuza/wal-core';
import { BackendNotInstalledError, BackendUnusableError } from './errors.ts';

/** Imports packages, resolved from this package. Tests replace it. */
export interface PackageLoader {
  load(packageName: string): Promise<unknown>;
  /** Throws an error with code `ERR_MODULE_NOT_FOUND` if the package is not installed. */
  find(packageName: string): void;
}

const nodeLoader: PackageLoader = {
  load: (packageName) => import(packageName),
  // Unlike an import, `require.resolve` also searches other directories.
  find: (packageName) => void import.meta.resolve(packageName),
};

/**
 * Loads the back end of a log.
 *
 * @throws BackendNotInstalledError or BackendUnusableError.
 */
export async function loadBackend(
  type: string,
  packageName: string,
  loader?: PackageLoader,
): Promise<WalBackend> {
  const backend = propertyOf(await loadPackage(type, packageName, loader), 'walBackend');
  if (isWalBackend(backend) && backend.types.includes(type)) return backend;
  throw new BackendUnusableError(packageName, `exports no walBackend of the type '${type}'`);
}

/**
 * Loads the back end of a transport.
 *
 * @throws BackendNotInstalledError or BackendUnusableError.
 */
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

/** Whether a value has the shape of a back end for logs. */
export function isWalBackend(value: unknown): value is WalBackend {
  return (
    hasTypes(value) && hasCapabilities(value) && typeof propertyOf(value, 'open') === 'function'
  );
}

/** Whether a value has the capabilities of a log. */
export function hasCapabilities(value: unknown): boolean {
  return typeof propertyOf(propertyOf(value, 'capabilities'), 'durable') === 'boolean';
}

/** Whether a value has the shape of a transport back end. */
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
