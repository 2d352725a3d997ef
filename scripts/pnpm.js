// Runs the pnpm that runs this script, or else the one that package.json names.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * `{ status, stdout, stderr, error }`, as of `spawnSync`; `status` is null where the time was over.
 */
export function pnpm(args, timeoutMs) {
  const options = { cwd: root, encoding: 'utf8', timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 };
  const own = process.env.npm_execpath ?? '';
  if (own.includes('pnpm')) {
    const isScript = /\.[cm]?js$/.test(own);
    return isScript
      ? spawnSync(process.execPath, [own, ...args], options)
      : spawnSync(own, args, options);
  }
  const { packageManager } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
  return spawnSync('npx', ['--yes', packageManager, ...args], options);
}
