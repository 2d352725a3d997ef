import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Compiles the workspace once before all tests: tests that spawn a process run the built code. */
export default function buildOnce(): void {
  const root = fileURLToPath(new URL('..', import.meta.url));
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-b'], {
    cwd: root,
    stdio: 'inherit',
  });
}
