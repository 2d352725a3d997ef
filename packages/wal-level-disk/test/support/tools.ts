/** Tools that a test needs and that are not everywhere: it says loudly when one is missing. */
import { spawnSync } from 'node:child_process';

/** Turns "not run" into a failure: for pipelines that have the tools. */
const required = process.env['BABUZA_REQUIRE_TOOLS'] === '1';

/** Whether the command works here. Where it does not, says that `what` is not run, or throws. */
export function has(what: string, command: string, ...args: string[]): boolean {
  const { status, error, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return true;
  const reason = error?.message ?? stderr.trim().split('\n').at(-1) ?? `exit code ${status}`;
  return notRun(`${what}: ${command} does not work here (${reason})`);
}

/** Says what is not run and why, or throws. Returns false. */
export function notRun(whatAndWhy: string): false {
  const text = `not run: ${whatAndWhy}`;
  if (required) throw new Error(text);
  console.warn(text);
  return false;
}
