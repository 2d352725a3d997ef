/**
 * The JSON of the API. Ids have 64 bits and are decimal strings. Bodies are objects with known
 * fields only.
 */
import { ApiError } from './errors.ts';

/** Serializes a value. Bigints become decimal strings. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_name, part: unknown) =>
    typeof part === 'bigint' ? part.toString() : part,
  );
}

export type Fields = Readonly<Record<string, unknown>>;

/**
 * Parses a body as a JSON object; an empty body has no fields. Throws `API_INVALID_BODY` for other
 * JSON and for unknown fields.
 */
export function fieldsOf(bytes: Uint8Array, known: readonly string[]): Fields {
  if (bytes.length === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new ApiError('API_INVALID_BODY', 'the body is no JSON in UTF-8');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ApiError('API_INVALID_BODY', 'the body must be a JSON object');
  }
  const fields = new Map<string, unknown>(Object.entries(value));
  for (const name of fields.keys()) {
    if (!known.includes(name)) {
      throw new ApiError(
        'API_INVALID_BODY',
        `'${name.slice(0, 64)}' is no field; there are ${known.join(', ')}`,
      );
    }
  }
  return Object.fromEntries(fields);
}

/**
 * Returns a text field of 1 to 1024 characters, or `undefined` when it is missing. Throws
 * `API_INVALID_BODY`.
 */
export function textField(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  if (typeof value === 'string' && value.length > 0 && value.length <= 1024) return value;
  throw new ApiError('API_INVALID_BODY', `'${name}' must be a text of 1 to 1024 characters`);
}

/** Returns a text field like `textField`. Throws `API_INVALID_BODY` when it is missing. */
export function neededText(fields: Fields, name: string): string {
  const value = textField(fields, name);
  if (value !== undefined) return value;
  throw new ApiError('API_INVALID_BODY', `'${name}' is missing`);
}

/** The id of a member, decimal text or an integer below 2^53. Throws `API_INVALID_BODY`. */
export function idField(fields: Fields, name: string): bigint | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    // JSON parsing has rounded the number, so it may be the id of another member.
    throw new ApiError('API_INVALID_BODY', `'${name}' above 2^53 must be a decimal text`);
  }
  const text = typeof value === 'number' ? value.toString() : value;
  return memberId(typeof text === 'string' ? text : '', 'API_INVALID_BODY');
}

/** Parses the decimal id of a member, 1 to 2^64 - 1. Throws an error with `code`. */
export function memberId(
  text: string,
  code: 'API_INVALID_BODY' | 'API_INVALID_QUERY' = 'API_INVALID_QUERY',
): bigint {
  if (/^[1-9]\d{0,19}$/.test(text)) {
    const id = BigInt(text);
    if (id < 2n ** 64n) return id;
  }
  throw new ApiError(code, 'an id of a member is a decimal number from 1 to 2^64 - 1');
}

/** Parses a whole number from 1 on. Returns `undefined` for any other text. */
export function wholeNumber(text: string): number | undefined {
  if (!/^[1-9]\d{0,15}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}
