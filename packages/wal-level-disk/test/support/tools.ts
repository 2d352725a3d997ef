/** Checks for tools that a test needs and that not every machine has. */
import { spawnSync } from 'node:child_process';

/** Turns a missing tool into a failure, for pipelines that have the tools. */
const required = process.env['BABUZA_REQUIRE_TOOLS'] === '1';

/** Whether the command works here. If not, prints that `what` does not run, or throws. */
export function has(what: string, command: string, ...args: string[]): boolean {
  const { status, error, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return true;
  const reason = error?.message ?? stderr.trim().split('\n').at(-1) ?? `exit code ${status}`;
  return notRun(`${what}: ${command} does not work here (${reason})`);
}

/** Prints what does not run and why, or throws. Returns false. */
export function notRun(whatAndWhy: string): false {
  const text = `not run: ${whatAndWhy}`;
  if (required) throw new Error(text);
  console.warn(text);
  return false;
}
