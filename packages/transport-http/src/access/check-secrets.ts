/** Checks the option `secret`. */
import { isUtf8 } from 'node:buffer';
import { hidden, isPem, refuse } from './option-checks.ts';
import { secretBytesMin } from './secret.ts';

const allowed = `a random text or bytes, at least ${secretBytesMin} bytes long without the line breaks at the end of a text, or two of them`;
const controlCharacter = /[^\P{Cc}\t\r\n]/u;
const lineBreaksAtEnd = /[\r\n]+$/;

/**
 * Converts the secrets to keys. The first is used for connections that this member opens; all are
 * accepted.
 *
 * @throws TransportError (`TRANSPORT_INVALID`), whose message contains no part of a secret.
 */
export function checkSecrets(given: unknown): Buffer[] {
  const secrets = Array.isArray(given) ? given : [given];
  if (secrets.length === 0 || secrets.length > 2) refuse('secret', `${secrets.length}`, allowed);
  const keys = secrets.map(keyOf);
  const [first, second] = keys;
  if (second !== undefined && first?.equals(second) === true) {
    refuse('secret', 'the same one twice', 'one secret, or two different ones while it is changed');
  }
  return keys;
}

function keyOf(secret: unknown): Buffer {
  if (!isPem(secret)) return refuse('secret', hidden(secret), allowed);
  // Copy the bytes, so that later changes by the caller have no effect.
  const key = withoutLineBreak(
    Buffer.from(typeof secret === 'string' ? Buffer.from(secret) : secret),
  );
  if (typeof secret === 'string' && key.toString().trim() !== key.toString()) {
    const found = 'a text with white space at its beginning or end';
    return refuse('secret', found, `${allowed}; a text is trimmed on all members`);
  }
  if (key.length >= secretBytesMin) return key;
  return refuse('secret', `one of ${key.length} bytes`, allowed);
}

/**
 * Removes line breaks at the end of a text, which editors and `echo` add, so that members whose
 * files differ only in them have the same secret. Random bytes are not changed.
 */
function withoutLineBreak(secret: Buffer): Buffer {
  if (!isUtf8(secret)) return secret;
  const text = secret.toString();
  return controlCharacter.test(text) ? secret : Buffer.from(text.replace(lineBreaksAtEnd, ''));
}
