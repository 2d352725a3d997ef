// Checks every published package as its users will get it: what publint says of the packed files, and
// that each has the things that every package of ours has.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

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

for (const name of readdirSync(`${root}/packages`).sort()) {
  const directory = `${root}/packages/${name}`;
  const manifest = JSON.parse(readFileSync(`${directory}/package.json`, 'utf8'));
  if (manifest.private === true) continue;
  for (const part of required) {
    if (!existsSync(`${directory}/${part}`)) problems.push(`${manifest.name}: ${part} is missing`);
  }
  const { messages, pkg } = await publint({ pkgDir: directory, strict: true, pack: 'npm' });
  for (const message of messages) {
    problems.push(`${manifest.name}: ${formatMessage(message, pkg) ?? message.code}`);
  }
  checked += 1;
}

for (const problem of problems) console.error(problem);
console.log(`${checked} packages checked, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
