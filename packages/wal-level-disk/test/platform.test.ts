/**
 * Installing never needs a compiler: classic-level ships binaries, and on another platform an error
 * says that there is no binary.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import manifest from '../package.json' with { type: 'json' };

const entryPoint = fileURLToPath(new URL('../dist/index.js', import.meta.url));

/** The output of a process that opens a log and whose loader finds another platform. */
async function openOn(arch: string): Promise<unknown> {
  const program = `
    const { walBackend } = await import(${JSON.stringify(entryPoint)});
    const { types, capabilities } = walBackend;
    const outcome = await walBackend.open('/nowhere')
      .then(() => ({ code: 'opened' }))
      .catch(({ code, message, cause }) => ({ code, message, cause: cause.message }));
    console.log(JSON.stringify({ ...outcome, types, durable: capabilities.durable }));
  `;
  const args = ['--input-type=module', '--eval', program];
  const env = { ...process.env, npm_config_arch: arch };
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  return JSON.parse(stdout);
}

describe('a platform', () => {
  it('without a shipped binary gets an error that says so, when a log is opened', async () => {
    expect(await openOn('riscv64')).toEqual({
      code: 'WAL_UNSUPPORTED',
      message: expect.stringMatching(
        /LevelDB cannot be loaded on .*ships binaries for Linux on x64.*'babuza-wal' .*No native build was found/s,
      ),
      cause: expect.stringContaining('No native build was found'),
      types: ['level-wal', 'badger-wal', 'pebble-wal'],
      durable: true,
    });
  });

  it('with one opens', async () => {
    expect(await openOn(process.arch)).toMatchObject({ code: 'opened' });
  });

  it('named in the README has its binary in the package', () => {
    const installed = dirname(createRequire(import.meta.url).resolve('classic-level/package.json'));
    for (const binary of [
      'linux-x64/classic-level.node',
      'linux-x64/classic-level.musl.node',
      'linux-arm64/classic-level.armv8.node',
      'darwin-x64+arm64/classic-level.node',
      'win32-x64/classic-level.node',
    ]) {
      expect(existsSync(join(installed, 'prebuilds', binary)), binary).toBe(true);
    }
  });

  it('without a binary can still install, because the dependency is optional', () => {
    expect(Object.keys(manifest.optionalDependencies)).toEqual(['classic-level']);
    expect(Object.keys(manifest.dependencies)).not.toContain('classic-level');
  });
});
