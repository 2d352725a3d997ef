/** Keeps the name of the function and class around the walker's place. */
import type { VisitorObject } from 'oxc-parser';
import type { Collector } from './collector.ts';

export function enclosingNames(to: Collector): VisitorObject {
  const leave = (): void => to.leave();
  return {
    ClassDeclaration({ id }): void {
      to.enter(id?.name ?? 'class');
    },
    'ClassDeclaration:exit': leave,
    FunctionDeclaration({ id }): void {
      to.enter(id?.name ?? 'function');
    },
    'FunctionDeclaration:exit': leave,
    MethodDefinition({ key }): void {
      to.enter(to.textOf(key));
    },
    'MethodDefinition:exit': leave,
    PropertyDefinition({ key }): void {
      to.enter(to.textOf(key));
    },
    'PropertyDefinition:exit': leave,
  };
}
