/** Explains connections that the other side ended before either side had shown who it is. */
import { describeCause } from '@babuza/vfs';
import type { Wire } from '../wire.ts';
import { outgoingSecret, outgoingTls } from './connect.ts';
import { endedEarlyCode } from './read-exactly.ts';

/** The codes of Node.js for a connection that broke, and for bytes that are no TLS or no HTTP. */
const codesOfBrokenOpenings = /^(ECONNRESET|EPIPE|EPROTO|ERR_SSL_|HPE_)/;

/**
 * The cause with the protection of this member beside it, where the other side may have ended the
 * connection because it expects another protection. Members whose options differ break each other's
 * connections without a word, since strangers would read it.
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
