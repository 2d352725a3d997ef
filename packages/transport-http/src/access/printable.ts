/** Makes text from other processes safe to log: one line, without control characters, and short. */

const lengthMax = 500;

/**
 * Control and format characters (which include those that change the writing direction), and line
 * and paragraph separators.
 */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

export function printable(text: string): string {
  const short = text.length > lengthMax ? `${text.slice(0, lengthMax)}…` : text;
  return short.replaceAll(
    unprintable,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** Whether the text has no control or format characters, no lone surrogates and no separators. */
export const isPrintableWord = (text: string): boolean => !/[\p{Cc}\p{Cf}\p{Cs}\p{Z}]/u.test(text);

/**
 * An error with printable text, for use as a `cause` when the original message quotes the other
 * side.
 */
export const printableError = (error: unknown): Error => new Error(printable(String(error)));
