/** Generates all mutants of a source file. */
import { parseSync, Visitor, type Program, type VisitorObject } from 'oxc-parser';
import type { Mutant } from './mutant.ts';
import { Collector } from './operators/collector.ts';
import { expressionOperators } from './operators/expressions.ts';
import { leftOut } from './operators/left-out.ts';
import { enclosingNames } from './operators/names.ts';
import { statementOperators } from './operators/statements.ts';

/** Throws `SyntaxError` where the parser does not understand the file. */
export function parse(file: string, source: string): Program {
  const { program, errors } = parseSync(file, source);
  const [error] = errors;
  if (error !== undefined) {
    throw new SyntaxError(`${file} cannot be parsed: ${error.message}`);
  }
  return program;
}

/** In the order of their places. The same source gives the same mutants. */
export function generateMutants(file: string, source: string): readonly Mutant[] {
  const collector = new Collector(file, source);
  // A visitor holds one function per kind of node, so each concern has a visitor of its own, and
  // those that mute or name are entered before the operators and left after them.
  const visitor = combined([
    enclosingNames(collector),
    leftOut(collector),
    expressionOperators(collector),
    statementOperators(collector),
  ]);
  new Visitor(visitor).visit(parse(file, source));
  return collector.mutants;
}

type Handler = (node: never) => void;

/** One visitor that calls each of the given ones in their order. */
function combined(visitors: readonly VisitorObject[]): VisitorObject {
  const handlers = new Map<string, Handler[]>();
  for (const visitor of visitors) {
    for (const [kind, handler] of Object.entries(visitor)) {
      handlers.set(kind, [...(handlers.get(kind) ?? []), handler as Handler]);
    }
  }
  return Object.fromEntries(
    [...handlers].map(([kind, all]) => [
      kind,
      (node: never): void => {
        for (const handler of all) handler(node);
      },
    ]),
  );
}
