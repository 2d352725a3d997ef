// Checks every published package as its users will get it: what publint says of the packed files,
// and that each has the things that every package of ours has. Packages that are not published
// carry the license, too.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { workspacePackages } from './runtime-dependencies.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const required = [
  'README.md',
  'CHANGELOG.md',
  'LICENSE',
  'package.json',
  'tsconfig.json',
  'src',
  'test',
];
const problems = [];
let checked = 0;

for (const { directory, manifest } of workspacePackages(root)) {
  const isPrivate = manifest.private === true;
  for (const part of isPrivate ? ['LICENSE'] : required) {
    if (!existsSync(`${directory}/${part}`)) problems.push(`${manifest.name}: ${part} is missing`);
  }
  if (isPrivate) continue;
  const { messages, pkg } = await publint({ pkgDir: directory, strict: true, pack: 'npm' });
  for (const message of messages) {
    problems.push(`${manifest.name}: ${formatMessage(message, pkg) ?? message.code}`);
  }
  checked += 1;
}

for (const problem of problems) console.error(problem);
console.log(`${checked} packages checked, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
