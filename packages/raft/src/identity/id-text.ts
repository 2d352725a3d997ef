/** Ids of members and clusters in JSON: decimal strings of numbers of 64 bits. */

const idLimit = 2n ** 64n;

/**
 * The id, or `undefined` for anything that is not the text of one. A larger number is no id: the
 * other formats have 64 bits for it, so members would disagree on what it means.
 */
export function idFromText(text: unknown): bigint | undefined {
  if (typeof text !== 'string' || !/^\d{1,20}$/.test(text)) return undefined;
  const id = BigInt(text);
  return id < idLimit ? id : undefined;
}
