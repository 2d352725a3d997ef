/**
 * The payload of an entry: derived from index and term, so that who reads it knows what it must be.
 *
 * @param {number} index
 * @param {number} term
 * @returns {Uint8Array}
 */
export function payloadOf(index, term) {
  const bytes = new Uint8Array((index * 37 + term * 11) % 3000);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = (index * 31 + term * 17 + at * 7) & 0xff;
  return bytes;
}
