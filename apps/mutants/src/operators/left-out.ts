/** The parts of a source that no operator changes: types, texts of errors, and log lines. */
import type { VisitorObject } from 'oxc-parser';
import type { Collector } from './collector.ts';

const logCall = /(?:^|[.#])(?:logger|log|warn)(?:\??\.(?:trace|debug|info|warn|error|log))?$/i;
const errorName = /Error$/;
/** `error instanceof Error ? error.message : String(error)` */
const errorText = /^(\w+) instanceof \w*Error\s*\?\s*\1\.(?:message|stack)\b/;

export function leftOut(to: Collector): VisitorObject {
  const mute = (): void => to.mute('types');
  const unmute = (): void => to.unmute('types');
  return {
    TSTypeAnnotation: mute,
    'TSTypeAnnotation:exit': unmute,
    TSTypeParameterInstantiation: mute,
    'TSTypeParameterInstantiation:exit': unmute,
    TSTypeParameterDeclaration: mute,
    'TSTypeParameterDeclaration:exit': unmute,
    TSTypeAliasDeclaration: mute,
    'TSTypeAliasDeclaration:exit': unmute,
    TSInterfaceDeclaration: mute,
    'TSInterfaceDeclaration:exit': unmute,
    ImportDeclaration: mute,
    'ImportDeclaration:exit': unmute,
    ThrowStatement: () => to.mute('texts'),
    'ThrowStatement:exit': () => to.unmute('texts'),
    NewExpression({ callee }): void {
      if (callee.type === 'Identifier' && errorName.test(callee.name)) to.mute('texts');
    },
    'NewExpression:exit'({ callee }): void {
      if (callee.type === 'Identifier' && errorName.test(callee.name)) to.unmute('texts');
    },
    // `value as 'a' | 'b'`: the type of the cast is not a node of the kinds above.
    TSUnionType: mute,
    'TSUnionType:exit': unmute,
    TSLiteralType: mute,
    'TSLiteralType:exit': unmute,
    ConditionalExpression(node): void {
      if (errorText.test(to.textOf(node))) to.mute('texts');
    },
    'ConditionalExpression:exit'(node): void {
      if (errorText.test(to.textOf(node))) to.unmute('texts');
    },
    ExpressionStatement({ expression }): void {
      if (isLogLine(to, expression)) to.mute('texts');
    },
    'ExpressionStatement:exit'({ expression }): void {
      if (isLogLine(to, expression)) to.unmute('texts');
    },
  };
}

function isLogLine(
  to: Collector,
  expression: { readonly type: string; readonly start: number; readonly end: number },
): boolean {
  if (expression.type !== 'CallExpression' && expression.type !== 'ChainExpression') return false;
  const callee = to.textOf(expression).split('(', 1)[0] ?? '';
  return logCall.test(callee);
}
