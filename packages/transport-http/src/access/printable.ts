/** Makes text of others fit for a log: on one line, without control characters, and short. */

const lengthMax = 500;

/** Control characters, separators of lines, and what turns the direction of writing. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

export function printable(text: string): string {
  const short = text.length > lengthMax ? `${text.slice(0, lengthMax)}…` : text;
  return short.replaceAll(
    unprintable,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/**
 * A single word: no control characters, and nothing that separates words or lines or turns the
 * direction of writing.
 */
export const isPrintableWord = (text: string): boolean => !/[\p{Cc}\p{Cf}\p{Cs}\p{Z}]/u.test(text);

/** An error as the cause of another one, where its text repeats what others have sent. */
export const printableError = (error: unknown): Error => new Error(printable(String(error)));
