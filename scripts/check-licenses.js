// Every package that is installed here has a license of the lists below. What our users get with
// our packages is judged by the shorter one. A license that is not in a list is a decision for a
// person, who adds it here, or the one package that needs it.
import { pnpm, root } from './pnpm.js';
import { runtimeDependencies } from './runtime-dependencies.js';

const permissive = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT'];
/** Tools of the development, which nobody gets with our packages. */
const development = [...permissive, 'BlueOak-1.0.0', 'CC0-1.0', 'MPL-2.0', 'Python-2.0'];
/** Packages whose manifest does not name a license: a person has read the file LICENSE in each. */
const read = new Map([['spawndamnit', 'MIT']]);

const { status, stdout, stderr, error } = pnpm(['-r', 'licenses', 'list', '--json'], 120_000);
if (status !== 0) throw new Error(`pnpm licenses failed: ${error?.message ?? stderr}`);
const runtime = runtimeDependencies(root);
const problems = [];
let checked = 0;
for (const [listed, packages] of Object.entries(JSON.parse(stdout))) {
  for (const { name, versions } of packages) {
    const license = read.get(name) ?? listed;
    const allowed = runtime.has(name) ? permissive : development;
    if (!isAllowed(license, allowed)) {
      const kind = runtime.has(name) ? 'a runtime dependency' : 'of the development';
      problems.push(`${name} ${versions.join(', ')}: license ${license}, ${kind}`);
    }
    checked += 1;
  }
}
if (checked === 0) problems.push('pnpm has listed no package');
for (const { name, license } of runtime.values()) {
  if (!isAllowed(license ?? 'none', permissive)) problems.push(`${name}: license ${license}`);
}
for (const problem of new Set(problems)) console.error(problem);
console.log(
  `${checked} licenses checked (${runtime.size} at run time), ${problems.length} problems`,
);
process.exitCode = problems.length === 0 ? 0 : 1;

/** An expression with AND is allowed if all its licenses are; one with OR if any license is. */
function isAllowed(expression, allowed) {
  const all = expression.replace(/[()]/g, '').split(' AND ');
  return all.every((part) => part.split(' OR ').some((license) => allowed.includes(license)));
}
