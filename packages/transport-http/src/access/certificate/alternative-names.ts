/**
 * Parses the text in which Node.js presents the subject alternative names of a certificate. Node.js
 * writes an ambiguous value as a JSON string, so a comma or a quote within a value never ends it.
 * Any other text is an error, and the certificate then names no member.
 */
import type { X509Certificate } from 'node:crypto';

export interface AlternativeName {
  /** `DNS`, `IP Address`, `URI` and others. */
  readonly type: string;
  readonly value: string;
}

/** One name, and the comma before the next one. */
const pattern = /([A-Za-z][A-Za-z0-9 ]*):("(?:[^"\\]|\\.)*"|[^",]*)(?:, (?=.)|$)/y;

/** @throws Error if the text is not a list of names. */
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
