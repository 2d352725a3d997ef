/** Identities as hexadecimal text. */
import type { Random } from '@babuza/vfs';

/** 16 bytes as 32 hexadecimal digits. */
export type IdentityHex = string;

export const identityBytes = 16;
const pattern = /^[0-9a-f]{32}$/;

export function isIdentityHex(value: unknown): value is IdentityHex {
  return typeof value === 'string' && pattern.test(value);
}

/** A random id, for a birth id or a log id. */
export function randomIdentity(random: Random): IdentityHex {
  let hex = '';
  for (let word = 0; word < identityBytes / 4; word += 1) {
    hex += random.uint32().toString(16).padStart(8, '0');
  }
  return hex;
}
