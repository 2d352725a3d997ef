/** The operators that remove statements, blocks and returned values. */
import type { Statement, VisitorObject } from 'oxc-parser';
import type { Collector } from './collector.ts';
import { changeCondition } from './expressions.ts';

/** The expressions whose removal is noticed by nothing but a missing effect. */
const withEffect = new Set([
  'CallExpression',
  'AssignmentExpression',
  'AwaitExpression',
  'UpdateExpression',
  'ChainExpression',
  'YieldExpression',
]);

export function statementOperators(to: Collector): VisitorObject {
  const emptyBlock = (block: Statement | null): void => {
    if (block?.type === 'BlockStatement') emptyBody(to, block);
  };
  return {
    ExpressionStatement(node): void {
      const { expression } = node;
      const isSuper = expression.type === 'CallExpression' && expression.callee.type === 'Super';
      if (withEffect.has(expression.type) && !isSuper) to.add('statement removed', node, ';');
    },
    ContinueStatement(node): void {
      to.add('statement removed', node, ';');
    },
    BreakStatement(node): void {
      // A `break` of a `switch` is included: without it the next case runs too.
      to.add('statement removed', node, ';');
    },
    ReturnStatement(node): void {
      if (node.argument === null) to.add('statement removed', node, ';');
      else to.add('return emptied', node, 'return undefined;');
    },
    IfStatement({ test, consequent, alternate }): void {
      changeCondition(to, test, 'choice');
      emptyBlock(consequent);
      emptyBlock(alternate);
    },
    WhileStatement({ test }): void {
      changeCondition(to, test, 'loop');
    },
    DoWhileStatement({ test }): void {
      changeCondition(to, test, 'loop');
    },
    ForStatement({ test, body }): void {
      if (test !== null) changeCondition(to, test, 'loop');
      emptyBlock(body);
    },
    ForOfStatement({ body }): void {
      emptyBlock(body);
    },
    TryStatement({ handler, finalizer }): void {
      if (handler !== null) emptyBody(to, handler.body);
      if (finalizer !== null) emptyBody(to, finalizer);
    },
    FunctionDeclaration({ body }): void {
      if (body !== null) emptyBody(to, body);
    },
    FunctionExpression({ body }): void {
      if (body !== null) emptyBody(to, body);
    },
    ArrowFunctionExpression({ body }): void {
      if (body.type === 'BlockStatement') emptyBody(to, body);
    },
  };
}

interface Body {
  readonly start: number;
  readonly end: number;
  readonly body: readonly unknown[];
}

function emptyBody(to: Collector, block: Body): void {
  if (block.body.length > 0) to.add('block emptied', block, '{}');
}
