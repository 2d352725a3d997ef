/** Explains why the other side closed a connection before either side had authenticated. */
import { describeCause } from '@babuza/vfs';
import type { Wire } from '../wire.ts';
import { outgoingSecret, outgoingTls } from './connect.ts';
import { endedEarlyCode } from './read-exactly.ts';

/** Error codes of Node.js for a broken connection, and for bytes that are not TLS or not HTTP. */
const codesOfBrokenOpenings = /^(ECONNRESET|EPIPE|EPROTO|ERR_SSL_|HPE_)/;

/**
 * Adds a hint about this member's protection to an error that may come from a difference in the
 * options of the two members. Members with different protection close each other's connections
 * without an explanation, because strangers could read it.
 */
export function explained(wire: Wire, cause: Error): Error {
  const code: unknown = Reflect.get(cause, 'code');
  const isBrokenOpening =
    typeof code === 'string' && (code === endedEarlyCode || codesOfBrokenOpenings.test(code));
  if (!isBrokenOpening) return cause;
  const hint = `if this lasts, compare the options tls, secret and transition of both members, the secrets and the trusted certificates: this member connects ${protectionOf(wire)}`;
  return new Error(`${describeCause(cause).trimEnd()}; ${hint}`, { cause });
}

function protectionOf(wire: Wire): string {
  const { tls, secrets } = wire.settings;
  const hasTls = outgoingTls(wire) !== undefined;
  const hasSecret = outgoingSecret(wire) !== undefined;
  return `${way('TLS', 'tls', hasTls, tls !== undefined)} and ${way('a secret', 'secret', hasSecret, secrets.length > 0)}`;
}

function way(what: string, option: string, isUsed: boolean, isThere: boolean): string {
  if (isUsed) return `with ${what}`;
  return isThere ? `without ${what} (transition.${option} is 'accept')` : `without ${what}`;
}
