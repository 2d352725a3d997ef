// Known vulnerabilities of what is installed here, as far as the registry tells them. One of the
// level `high` or `critical` in what our users get is an error. Where the registry does not answer,
// that is said and nothing fails: a build without a network, or behind a mirror, must be possible.
import { pnpm, root } from './pnpm.js';
import { runtimeDependencies } from './runtime-dependencies.js';

const timeoutMs = 60_000;
const { status, stdout, stderr, error } = pnpm(['audit', '--json'], timeoutMs);
const report = parsed(stdout);
const advisories = report?.advisories;
if (typeof advisories !== 'object' || advisories === null) {
  console.log(`audit: not run: ${reason()}`);
} else {
  const runtime = runtimeDependencies(root);
  const found = Object.values(advisories);
  const severe = found.filter(
    ({ module_name: name, severity }) =>
      runtime.has(name) && (severity === 'high' || severity === 'critical'),
  );
  for (const { module_name: name, severity, title, url } of found) {
    console.log(`${name}: ${severity}${runtime.has(name) ? ', at run time' : ''}: ${title} ${url}`);
  }
  console.log(`audit: ${found.length} advisories, ${severe.length} severe ones at run time`);
  process.exitCode = severe.length === 0 ? 0 : 1;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function reason() {
  if (status === null) return `no answer of the registry within ${timeoutMs / 1000} s`;
  const told = report?.error?.message ?? error?.message ?? `${stderr}\n${stdout}`.trim();
  // pnpm draws a frame around its errors.
  const text = String(told)
    .replace(/[\s│×]+/g, ' ')
    .trim();
  return text === '' ? `pnpm ended with ${status}` : text.slice(0, 200);
}
