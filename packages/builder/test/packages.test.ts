/**
 * The builder with packages as a user has them: built code in a separate `node_modules`, in a
 * separate process. The back ends are stand-ins that report when they are imported.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const packages = fileURLToPath(new URL('../..', import.meta.url));
let place = '';

/**
 * The output of the child process: the outcome of a build, and the back ends that were imported.
 */
interface Outcome {
  readonly code?: string;
  readonly message?: string;
  readonly directory?: string;
  readonly imported: string[];
}

const app = `
  globalThis.imported = [];
  const { BabuzaComponentBuilder } = await import('@babuza/builder');
  const [walType] = process.argv.slice(2);
  const outcome = await new BabuzaComponentBuilder({ clusterId: 1, storageRootDir: '/root', walType })
    .build()
    .then(({ walManager }) => ({ directory: walManager.directory }))
    .catch(({ code, message }) => ({ code, message }));
  console.log(JSON.stringify({ ...outcome, imported: globalThis.imported }));
`;

function backendCode(name: string, types: string[], head = ''): string {
  return `${head}
    globalThis.imported.push('${name}');
    export const walBackend = {
      types: ${JSON.stringify(types)},
      capabilities: { durable: true },
      open: async (directory) => {
        const methods = [
          'hasExistingWal', 'createWal', 'findSnapshots', 'replayWal', 'readIdentity', 'writeIdentity', 'close',
        ];
        const manager = Object.fromEntries(methods.map((name) => [name, async () => undefined]));
        return { ...manager, directory, capabilities: { durable: true } };
      },
    };`;
}

async function install(name: string, code: string): Promise<void> {
  const folder = join(place, 'node_modules', name);
  await mkdir(folder, { recursive: true });
  const exports = { '.': './index.js', './package.json': './package.json' };
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({ name, version: '1.0.0', type: 'module', exports }),
  );
  await writeFile(join(folder, 'index.js'), code);
}

async function run(walType: string): Promise<Outcome> {
  const { stdout } = await promisify(execFile)(process.execPath, ['app.mjs', walType], {
    cwd: place,
  });
  return JSON.parse(stdout);
}

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'babuza-builder-'));
  const scope = join(place, 'node_modules', '@babuza');
  await mkdir(join(scope, 'builder'), { recursive: true });
  // Copied rather than linked, because a link would resolve to the packages beside the original.
  await cp(join(packages, 'builder', 'dist'), join(scope, 'builder', 'dist'), { recursive: true });
  await cp(join(packages, 'builder', 'package.json'), join(scope, 'builder', 'package.json'));
  for (const name of ['metrics', 'raft', 'session', 'snapshot', 'vfs', 'wal-core']) {
    await symlink(join(packages, name), join(scope, name), 'junction');
  }
  await install('@babuza/wal-memory', backendCode('memory', ['level-wal-memory']));
  await install('@babuza/wal-etcd', backendCode('etcd', ['etcd-wal'], "import 'not-there';"));
  await writeFile(join(place, 'app.mjs'), app);
});

afterAll(() => rm(place, { recursive: true, force: true }));

describe('installed packages', () => {
  it('the chosen one is imported, and no other', async () => {
    const outcome = await run('level-wal-memory');
    expect(outcome.imported).toEqual(['memory']);
    expect(outcome.directory).toBe(join('/root', 'wal'));
  });

  it('one that is not installed is named', async () => {
    const outcome = await run('pebble-wal');
    expect([outcome.code, outcome.imported]).toEqual(['BUILDER_NOT_INSTALLED', []]);
    expect(outcome.message).toContain('npm install @babuza/wal-level-disk');
    const native = await run('babuza-wal');
    expect(native.message).toContain('npm install @babuza/wal-native');
  });

  it('one whose own import is missing is not called missing', async () => {
    const outcome = await run('etcd-wal');
    expect(outcome.code).toBe('BUILDER_BACKEND_UNUSABLE');
    expect(outcome.message).toContain('not-there');
    expect(outcome.message).not.toContain('npm install');
  });
});
