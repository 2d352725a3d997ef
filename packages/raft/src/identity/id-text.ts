/** Ids of members and clusters in JSON: decimal strings of 64-bit numbers. */

const idLimit = 2n ** 64n;

/**
 * The id, or `undefined` for anything that is not the text of one. A larger number is not an id:
 * the other formats have 64 bits for it, so members would disagree on its meaning.
 */
export function idFromText(text: unknown): bigint | undefined {
  if (typeof text !== 'string' || !/^\d{1,20}$/.test(text)) return undefined;
  const id = BigInt(text);
  return id < idLimit ? id : undefined;
}
