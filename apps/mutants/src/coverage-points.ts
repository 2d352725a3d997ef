/**
 * The points of a source file at which the tests are asked whether they come by, and the file with
 * a counter at each of them.
 */
import MagicString from 'magic-string';
import { Visitor, type Statement, type VisitorObject } from 'oxc-parser';
import { parse } from './generate.ts';
import { passedName } from './passed-name.ts';

/** The range of a statement, or of an expression that runs by itself. */
export interface Point {
  readonly start: number;
  readonly end: number;
}

type Found = Point & { readonly kind: 'statement' | 'alone' | 'expression' };

/** The statements that are declarations: nothing runs where they stand. */
const declarations = /^(?:Import|Export|TS)|Directive$/;

/** In the order of the syntax tree, which is the same for the same source. */
export function pointsOf(file: string, source: string): readonly Point[] {
  return find(file, source);
}

/**
 * The number of the innermost point around a range; `undefined`: it runs when the file is loaded.
 */
export function pointAround(points: readonly Point[], range: Point): number | undefined {
  let found: number | undefined;
  let length = Infinity;
  for (const [number, { start, end }] of points.entries()) {
    if (start <= range.start && end >= range.end && end - start < length) {
      found = number;
      length = end - start;
    }
  }
  return found;
}

/** The source that adds `<file>:<number>` to the global set whenever a point is passed. */
export function instrument(file: string, source: string): string {
  const text = new MagicString(source);
  for (const [number, { kind, start, end }] of find(file, source).entries()) {
    const mark = `globalThis.${passedName}?.add(${JSON.stringify(`${file}:${number}`)})`;
    if (kind === 'statement') {
      text.appendLeft(start, `${mark};`);
    } else if (kind === 'alone') {
      text.appendLeft(start, `{${mark};`).prependRight(end, '}');
    } else {
      text.appendLeft(start, `(${mark},(`).prependRight(end, '))');
    }
  }
  return text.toString();
}

function find(file: string, source: string): readonly Found[] {
  const found: Found[] = [];
  const add = (kind: Found['kind'], { start, end }: Point): void => {
    found.push({ kind, start, end });
  };
  const list = (statements: readonly (Statement | ({ type: string } & Point))[]): void => {
    for (const statement of statements) {
      if (!declarations.test(statement.type)) add('statement', statement);
    }
  };
  // The body of an `if` or a loop without braces.
  const alone = (statement: Statement | null): void => {
    if (statement !== null && statement.type !== 'BlockStatement') add('alone', statement);
  };
  const visitor: VisitorObject = {
    BlockStatement: ({ body }) => list(body),
    SwitchCase: ({ consequent }) => list(consequent),
    IfStatement({ consequent, alternate }): void {
      alone(consequent);
      alone(alternate);
    },
    ForStatement: ({ body }) => alone(body),
    ForOfStatement: ({ body }) => alone(body),
    WhileStatement: ({ body }) => alone(body),
    ConditionalExpression({ consequent, alternate }): void {
      add('expression', consequent);
      add('expression', alternate);
    },
    LogicalExpression: ({ right }) => add('expression', right),
    ArrowFunctionExpression({ body }): void {
      if (body.type !== 'BlockStatement') add('expression', body);
    },
    PropertyDefinition({ value }): void {
      if (value !== null) add('expression', value);
    },
    AssignmentPattern: ({ right }) => add('expression', right),
  };
  new Visitor(visitor).visit(parse(file, source));
  return found;
}
