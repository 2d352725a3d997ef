/**
 * Loads the package of a back end that was chosen by name, and no other. An import that fails says the
 * same of the package itself and of something that the package imports; so after a failure it is asked
 * whether the package can be found at all.
 */
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
  loader: PackageLoader = nodeLoader,
): Promise<WalBackend> {
  let loaded: unknown;
  try {
    loaded = await loader.load(packageName);
  } catch (error) {
    if (!isInstalled(packageName, loader)) {
      throw new BackendNotInstalledError(type, packageName, error);
    }
    throw new BackendUnusableError(packageName, `failed to load: ${String(error)}`, error);
  }
  const backend = propertyOf(loaded, 'walBackend');
  if (!isWalBackend(backend) || !backend.types.includes(type)) {
    throw new BackendUnusableError(packageName, `exports no walBackend of the type '${type}'`);
  }
  return backend;
}

function isInstalled(packageName: string, loader: PackageLoader): boolean {
  try {
    loader.find(packageName);
    return true;
  } catch (error) {
    return propertyOf(error, 'code') !== 'ERR_MODULE_NOT_FOUND';
  }
}

/** Whether a value presents itself as a back end. */
export function isWalBackend(value: unknown): value is WalBackend {
  const types = propertyOf(value, 'types');
  return (
    Array.isArray(types) &&
    types.length > 0 &&
    types.every((type) => typeof type === 'string' && type !== '') &&
    typeof propertyOf(value, 'capabilities') === 'object' &&
    typeof propertyOf(value, 'open') === 'function'
  );
}

function propertyOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Reflect.get(value, name);
}
