/** A generated change of one place in a source file, and the names by which it is found again. */

/**
 * The kinds of changes. A result belongs to the kind, so a name is not changed without a reason.
 */
export type Operator =
  | 'boundary'
  | 'negated equality'
  | 'negated condition'
  | 'condition true'
  | 'condition false'
  | 'arithmetic'
  | 'off by one'
  | 'logical'
  | 'statement removed'
  | 'await removed'
  | 'block emptied'
  | 'return emptied'
  | 'method exchanged'
  | 'optional chaining removed'
  | 'code changed';

export interface Mutant {
  /** The path below the root of the repository, with `/`. */
  readonly file: string;
  readonly operator: Operator;
  /** The changed range: offsets in UTF-16 units, the end not included. */
  readonly start: number;
  readonly end: number;
  /** From 1. */
  readonly line: number;
  /** The function or method around it, a class with it: `Writer.append`; empty at the top level. */
  readonly within: string;
  /** The text of the range, and the text that stands there instead. */
  readonly original: string;
  readonly replacement: string;
}

const shownLength = 120;

/** One line of bounded length, so that two texts are compared and shown without their layout. */
export function shortText(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length <= shownLength ? line : `${line.slice(0, shownLength)}…`;
}

/** Names a mutant by its texts, so that the name survives a change of other lines of the file. */
export function textKey({
  file,
  within,
  original,
  replacement,
}: Pick<Mutant, 'file' | 'within' | 'original' | 'replacement'>): string {
  return JSON.stringify([file, within, shortText(original), shortText(replacement)]);
}

/** The source of a file with the change made. */
export function applyMutant(source: string, mutant: Mutant): string {
  return source.slice(0, mutant.start) + mutant.replacement + source.slice(mutant.end);
}
