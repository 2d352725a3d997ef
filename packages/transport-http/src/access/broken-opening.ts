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
  const hint = `this member connects ${protectionOf(wire)}; where the other one runs, compare the options tls, secret and transition of both, and the secret itself`;
  return new Error(`${describeCause(cause)}; ${hint}`, { cause });
}

function protectionOf(wire: Wire): string {
  const withTls = outgoingTls(wire) === undefined ? 'without TLS' : 'with TLS';
  return `${withTls} and ${outgoingSecret(wire) === undefined ? 'without a secret' : 'with a secret'}`;
}
