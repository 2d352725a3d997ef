/** The operators that change an expression. */
import type { Expression, VisitorObject } from 'oxc-parser';
import type { Collector } from './collector.ts';

const boundaries: Record<string, string> = { '<': '<=', '<=': '<', '>': '>=', '>=': '>' };
const equalities: Record<string, string> = { '===': '!==', '!==': '===', '==': '!=', '!=': '==' };
const arithmetic: Record<string, string> = { '+': '-', '-': '+', '*': '/', '/': '*', '%': '*' };
const assignments: Record<string, string> = { '+=': '-=', '-=': '+=', '*=': '/=', '??=': '=' };
const methods: Record<string, string> = {
  some: 'every',
  every: 'some',
  ceil: 'floor',
  floor: 'ceil',
};
const extremes: Record<string, string> = { min: 'max', max: 'min' };

/** A code such as `WAL_CORRUPT`. Other texts are for people and are left alone. */
const code = /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/;

/** Larger numbers are sizes and times that were chosen freely; one more of them is no error. */
const stepMax = 1000;

/** A condition in `if`, `while`, `for` or `?:`. A loop is never made endless on purpose. */
export function changeCondition(to: Collector, test: Expression, kind: 'choice' | 'loop'): void {
  if (test.type === 'Literal') return;
  // An equality has its opposite already.
  const isEquality = test.type === 'BinaryExpression' && equalities[test.operator] !== undefined;
  if (!isEquality) to.add('negated condition', test, `!(${to.textOf(test)})`);
  if (kind === 'choice') to.add('condition true', test, 'true');
  to.add('condition false', test, 'false');
}

export function expressionOperators(to: Collector): VisitorObject {
  const exchange = (
    left: { readonly end: number },
    operator: string,
    right: { readonly start: number },
    whole: { readonly start: number; readonly end: number },
  ): string => {
    const before = to.textOf({ start: whole.start, end: left.end });
    const after = to.textOf({ start: right.start, end: whole.end });
    return `${before} ${operator} ${after}`;
  };
  return {
    BinaryExpression(node): void {
      const { left, operator, right } = node;
      const change = (kind: Parameters<Collector['add']>[0], other: string | undefined): void => {
        if (other !== undefined) to.add(kind, node, exchange(left, other, right, node));
      };
      change('boundary', boundaries[operator]);
      change('negated equality', equalities[operator]);
      if (isText(left) || isText(right)) return;
      change('arithmetic', arithmetic[operator]);
      const isStep = right.type === 'Literal' && /^1n?$/.test(right.raw ?? '');
      if (isStep && (operator === '+' || operator === '-')) {
        to.add('off by one', node, to.textOf({ start: node.start, end: left.end }));
      }
    },
    AssignmentExpression(node): void {
      const other = assignments[node.operator];
      if (other === undefined || isText(node.right)) return;
      to.add('arithmetic', node, exchange(node.left, other, node.right, node));
    },
    UpdateExpression(node): void {
      const other = node.operator === '++' ? '--' : '++';
      const argument = to.textOf(node.argument);
      to.add('arithmetic', node, node.prefix ? `${other}${argument}` : `${argument}${other}`);
    },
    LogicalExpression(node): void {
      const { left, operator, right } = node;
      if (operator === '??') {
        to.add('logical', node, to.textOf({ start: node.start, end: left.end }));
        to.add('logical', node, `(${to.textOf(right)})`);
      } else {
        // Parentheses, because `a && b || c` reads differently when one operator changes.
        const other = operator === '&&' ? '||' : '&&';
        to.add('logical', node, `(${exchange(left, other, right, node)})`);
      }
    },
    ConditionalExpression({ test }): void {
      changeCondition(to, test, 'choice');
    },
    AwaitExpression(node): void {
      to.add('await removed', node, to.textOf(node.argument));
    },
    Literal(node): void {
      if (typeof node.value === 'number' && Number.isInteger(node.value)) {
        if (node.value > stepMax) return;
        to.add('off by one', node, String(node.value + 1));
      } else if (typeof node.value === 'bigint') {
        to.add('off by one', node, `${node.value + 1n}n`);
      } else if (typeof node.value === 'string' && code.test(node.value)) {
        to.addCode('code changed', node, `'${node.value}_CHANGED'`);
      }
    },
    MemberExpression(node): void {
      const { object, property, computed, optional } = node;
      if (computed || property.type !== 'Identifier') return;
      const before = to.textOf({ start: node.start, end: property.start });
      const isMath = object.type === 'Identifier' && object.name === 'Math';
      const other = (isMath ? extremes[property.name] : undefined) ?? methods[property.name];
      if (other !== undefined) to.add('method exchanged', node, `${before}${other}`);
      if (optional) {
        const text = `${to.textOf(object)}.${to.textOf(property)}`;
        to.add('optional chaining removed', node, text);
      }
    },
  };
}

function isText(node: { readonly type: string; readonly value?: unknown }): boolean {
  return (
    node.type === 'TemplateLiteral' || (node.type === 'Literal' && typeof node.value === 'string')
  );
}
