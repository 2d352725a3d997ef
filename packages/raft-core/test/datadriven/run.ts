/** Runs one data-driven file from a new environment, and compares each output byte for byte. */

import { writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { ConfChangeEnvironment } from './confchange-commands.ts';
import { rewrites, type DataFile, type Kind } from './files.ts';
import { parseFile, withOutputs, type Directive } from './grammar.ts';
import { InteractionEnvironment } from './interaction-commands.ts';
import { runQuorumDirective } from './quorum-commands.ts';

/** Makes the environment that runs the directives of one file. */
function newHandler(kind: Kind): (directive: Directive) => string {
  if (kind === 'quorum') return runQuorumDirective;
  const environment =
    kind === 'confchange' ? new ConfChangeEnvironment() : new InteractionEnvironment();
  return (directive) => environment.run(directive);
}

/** Stops at the first difference, because later outputs depend on it. */
export function checkFile(kind: Kind, file: DataFile): void {
  const handle = newHandler(kind);
  for (const directive of parseFile(file.text)) {
    const output = ended(handle(directive));
    expect(output, `${file.path}:${directive.line}: ${directive.command}`).toBe(directive.expected);
  }
}

/** Rewrites the expected outputs. Commit a difference only when its cause is known and wanted. */
export function rewriteFile(kind: Kind, file: DataFile): void {
  const handle = newHandler(kind);
  const directives = parseFile(file.text);
  const outputs = directives.map((directive) => ended(handle(directive)));
  writeFileSync(file.path, withOutputs(file.text, directives, outputs));
}

export function checkOrRewrite(kind: Kind, file: DataFile): void {
  if (rewrites) rewriteFile(kind, file);
  else checkFile(kind, file);
}

function ended(output: string): string {
  return output === '' || output.endsWith('\n') ? output : `${output}\n`;
}
