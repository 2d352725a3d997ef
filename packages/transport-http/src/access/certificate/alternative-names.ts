/**
 * Reads the subject alternative names of a certificate from the text that Node.js makes of them.
 * Node.js writes a value that could be taken for several names as a JSON string, so a comma or a
 * quote within a value never ends it. Any other text is an error: a certificate that cannot be read
 * names nobody.
 */
import type { X509Certificate } from 'node:crypto';

export interface AlternativeName {
  /** `DNS`, `IP Address`, `URI` and others. */
  readonly type: string;
  readonly value: string;
}

/** One name, and the comma between it and the next name. */
const pattern = /([A-Za-z][A-Za-z0-9 ]*):("(?:[^"\\]|\\.)*"|[^",]*)(?:, (?=.)|$)/y;

/** @throws Error for a text that is no list of names. */
export function alternativeNamesOf({ subjectAltName: text }: X509Certificate): AlternativeName[] {
  const names: AlternativeName[] = [];
  if (text === undefined || text === '') return names;
  pattern.lastIndex = 0;
  while (pattern.lastIndex < text.length) {
    const [, type, value] = pattern.exec(text) ?? [];
    if (type === undefined || value === undefined) throw new Error('its names cannot be read');
    names.push({ type, value: value.startsWith('"') ? unquoted(value) : value });
  }
  return names;
}

function unquoted(value: string): string {
  const parsed: unknown = JSON.parse(value);
  return String(parsed);
}
