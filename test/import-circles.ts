/**
 * Finds circles of imports. A reader can take the files of a package in an order only if no file
 * imports, over others, itself. This holds for imports of types, too.
 */

import { posix } from 'node:path';

export interface SourceFile {
  /** The path below the root of the repository. */
  readonly file: string;
  readonly text: string;
}

/** A relative import or re-export. */
export interface RelativeImport {
  readonly from: string;
  /** The statement imports types only, so nothing of it is left at run time. */
  readonly isTypeOnly: boolean;
}

/** The relative imports and re-exports of a file, in the order of its text. */
export function relativeImportsOf(text: string): RelativeImport[] {
  const statement = /^(?:import|export)\s+(type\s+)?(?:([^'";]*?)\sfrom\s+)?'(\.[^']+)'/gm;
  const imports = [...text.matchAll(statement)].map(([, typeKeyword, names = '', from = '']) => ({
    from,
    isTypeOnly: typeKeyword !== undefined || namesTypesOnly(names),
  }));
  const dynamic = [...text.matchAll(/import\s*\(\s*'(\.[^']+)'/g)].map(([, from = '']) => ({
    from,
    isTypeOnly: false,
  }));
  return [...imports, ...dynamic];
}

/** Whether each name of `{ type A, type B }` is marked as a type. */
function namesTypesOnly(clause: string): boolean {
  const braces = /^\{([^}]*)\}$/.exec(clause.trim());
  const names = (braces?.[1] ?? '').split(',').map((name) => name.trim());
  const given = names.filter((name) => name !== '');
  return given.length > 0 && given.every((name) => name.startsWith('type '));
}

/**
 * The groups of files that import each other in a circle, each group and the list in ascending
 * order. A file that imports itself is a group of one.
 */
export function importCircles(
  files: readonly SourceFile[],
  counts: (each: RelativeImport) => boolean,
): string[][] {
  const known = new Set(files.map(({ file }) => file));
  const targets = new Map(
    files.map(({ file, text }): [string, string[]] => {
      const imported = relativeImportsOf(text)
        .filter(counts)
        .map(({ from }) => posix.join(posix.dirname(file), from));
      return [file, imported.filter((target) => known.has(target))];
    }),
  );
  return stronglyConnected(targets)
    .filter(([first = '', ...others]) => others.length > 0 || targets.get(first)?.includes(first))
    .map((group) => group.sort())
    .sort(([a = ''], [b = '']) => (a < b ? -1 : 1));
}

/** Tarjan's algorithm: the groups in which each file reaches each other one. */
function stronglyConnected(targets: ReadonlyMap<string, readonly string[]>): string[][] {
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const groups: string[][] = [];
  const visit = (file: string): number => {
    const own = order.size;
    order.set(file, own);
    lowest.set(file, own);
    stack.push(file);
    for (const target of targets.get(file) ?? []) {
      const reached = order.has(target)
        ? stack.includes(target)
          ? (order.get(target) ?? own)
          : own
        : visit(target);
      lowest.set(file, Math.min(lowest.get(file) ?? own, reached));
    }
    const low = lowest.get(file) ?? own;
    if (low === own) groups.push(stack.splice(stack.indexOf(file)));
    return low;
  };
  for (const file of targets.keys()) if (!order.has(file)) visit(file);
  return groups;
}
