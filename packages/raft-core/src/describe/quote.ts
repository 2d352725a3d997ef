/**
 * Bytes as text in Go's double-quoted syntax, which etcd's tools print. Printable characters stay,
 * all others are escaped. Bytes that are not valid UTF-8 are escaped one by one.
 */

const shortEscapes: ReadonlyMap<number, string> = new Map([
  [0x07, '\\a'],
  [0x08, '\\b'],
  [0x0c, '\\f'],
  [0x0a, '\\n'],
  [0x0d, '\\r'],
  [0x09, '\\t'],
  [0x0b, '\\v'],
  [0x5c, '\\\\'],
  [0x22, '\\"'],
]);
/** Letters, marks, numbers, punctuation, symbols, and U+0020 as the only white space. */
const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

/** `"text"`; the result for `undefined` and for empty data is `""`. */
export function quote(data: Uint8Array | undefined): string {
  if (data === undefined) return '""';
  let text = '"';
  for (let at = 0; at < data.length;) {
    const length = characterLength(data, at);
    if (length === 0) {
      text += `\\x${hexDigits(data[at] ?? 0, 2)}`;
      at += 1;
    } else {
      text += escaped(codePoint(data, at, length));
      at += length;
    }
  }
  return `${text}"`;
}

function escaped(code: number): string {
  const short = shortEscapes.get(code);
  if (short !== undefined) return short;
  const character = String.fromCodePoint(code);
  if (printable.test(character)) return character;
  if (code < 0x80) return `\\x${hexDigits(code, 2)}`;
  return code < 0x1_0000 ? `\\u${hexDigits(code, 4)}` : `\\U${hexDigits(code, 8)}`;
}

function hexDigits(value: number, count: number): string {
  return value.toString(16).padStart(count, '0');
}

/** The length of the UTF-8 character at `at`; 0 when the bytes there are not valid UTF-8. */
function characterLength(data: Uint8Array, at: number): number {
  const first = data[at] ?? 0;
  if (first < 0x80) return 1;
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length === 0 || at + length > data.length) return 0;
  for (let next = 1; next < length; next += 1) {
    if (((data[at + next] ?? 0) & 0xc0) !== 0x80) return 0;
  }
  const code = codePoint(data, at, length);
  // Overlong encodings, surrogates, and numbers beyond U+10FFFF are not valid UTF-8.
  const lowest = length === 2 ? 0x80 : length === 3 ? 0x800 : 0x1_0000;
  if (code < lowest || code > 0x10_ffff || (code >= 0xd800 && code <= 0xdfff)) return 0;
  return length;
}

function codePoint(data: Uint8Array, at: number, length: number): number {
  const first = data[at] ?? 0;
  if (length === 1) return first;
  let code = first & (0xff >> (length + 1));
  for (let next = 1; next < length; next += 1) code = (code << 6) | ((data[at + next] ?? 0) & 0x3f);
  return code;
}
