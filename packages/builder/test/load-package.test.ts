/** The four ways in which loading a package can fail. */
import { describe, expect, it } from 'vitest';
import { walBackend } from '@babuza/wal-memory';
import { loadBackend, type PackageLoader } from '../src/load-package.ts';

const name = '@babuza/wal-memory';

function failure(code: string): Error {
  return Object.assign(new Error(`failed with ${code}`), { code });
}

function loader(module: unknown): PackageLoader {
  return { find: () => undefined, load: () => Promise.resolve(module) };
}

describe('loadBackend', () => {
  it('returns what the package exports', async () => {
    expect(await loadBackend('pebble-wal-memory', name, loader({ walBackend }))).toBe(walBackend);
  });

  it('a package that is not installed: says which to install', async () => {
    const cause = failure('ERR_MODULE_NOT_FOUND');
    const missing: PackageLoader = {
      load: () => Promise.reject(cause),
      find() {
        throw failure('ERR_MODULE_NOT_FOUND');
      },
    };
    await expect(loadBackend('x', '@babuza/wal-x', missing)).rejects.toMatchObject({
      code: 'BUILDER_NOT_INSTALLED',
      packageName: '@babuza/wal-x',
      message:
        'x needs the package @babuza/wal-x, which is not installed: npm install @babuza/wal-x',
      cause,
    });
  });

  it('a package that imports something that is not installed is installed itself', async () => {
    for (const code of ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND', 'ERR_DLOPEN_FAILED']) {
      const cause = failure(code);
      const broken: PackageLoader = { ...loader({}), load: () => Promise.reject(cause) };
      await expect(loadBackend('x', name, broken)).rejects.toMatchObject({
        code: 'BUILDER_BACKEND_UNUSABLE',
        packageName: name,
        cause,
      });
    }
  });

  it('a package that cannot be resolved for another reason is not called missing', async () => {
    const cause = failure('ERR_INVALID_PACKAGE_CONFIG');
    const odd: PackageLoader = {
      load: () => Promise.reject(cause),
      find() {
        throw cause;
      },
    };
    await expect(loadBackend('x', name, odd)).rejects.toMatchObject({
      code: 'BUILDER_BACKEND_UNUSABLE',
      cause,
    });
  });

  it('a package that presents no such back end', async () => {
    const wrong: unknown[] = [
      undefined,
      {},
      { walBackend: null },
      { walBackend: { ...walBackend, open: undefined } },
      { walBackend: { ...walBackend, types: [] } },
      { walBackend: { ...walBackend, types: ['another'] } },
      { default: walBackend },
    ];
    for (const module of wrong) {
      await expect(loadBackend('level-wal-memory', name, loader(module))).rejects.toMatchObject({
        code: 'BUILDER_BACKEND_UNUSABLE',
      });
    }
  });
});

describe('back ends whose packages are not installed here', () => {
  for (const [type, packageName] of [
    ['etcd-wal', '@babuza/wal-etcd-not-installed'],
    ['pebble-wal', '@babuza/wal-level-disk-not-installed'],
  ] as const) {
    it(`${type}: really asked of the module system`, async () => {
      await expect(loadBackend(type, packageName)).rejects.toMatchObject({
        code: 'BUILDER_NOT_INSTALLED',
        packageName,
      });
    });
  }
});
