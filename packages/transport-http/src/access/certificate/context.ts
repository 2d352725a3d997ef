/**
 * Checks the certificates, keys and authorities in the options and creates the TLS contexts from
 * them.
 */
import { constants, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { TransportError } from '../../errors.ts';
import type { HttpTransportTls } from './options.ts';
import { pem } from '../pem.ts';

export interface LoadedTls {
  readonly options: SecureContextOptions;
  /** The context for outgoing connections. */
  readonly context: SecureContext;
  /** The SHA-256 fingerprints of the authorities. */
  readonly authorities: ReadonlySet<string>;
  readonly revocations: readonly string[];
}

const certificatePattern = /-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----[^]*?-----END [^-]*-----/g;
const crlPattern = /-----BEGIN X509 CRL-----[^]*?-----END X509 CRL-----/g;

/** @throws TransportError (`TRANSPORT_INVALID`) if a certificate, key or list cannot be used. */
export function loadTls(tls: HttpTransportTls): LoadedTls {
  try {
    const { ca, crl = [] } = tls;
    const authorities = ca === undefined ? [] : authoritiesOf(ca);
    const revocations = [crl].flat().flatMap(revocationsOf);
    const trust: SecureContextOptions = {
      ...(ca === undefined ? {} : { ca: pem(ca) }),
      ...(revocations.length === 0 ? {} : { crl: revocations }),
      minVersion: 'TLSv1.2',
      // A resumed session is not verified again, so sessions are disabled.
      secureOptions: constants.SSL_OP_NO_TICKET,
    };
    const options = { ...trust, cert: pem(tls.cert), key: pem(tls.key) };
    // Creating it checks that certificate and key are readable and belong together, even if
    // outgoing connections present no certificate.
    const full = createSecureContext(options);
    return {
      options,
      context: tls.mutual === false ? createSecureContext(trust) : full,
      authorities: new Set(authorities.map(({ fingerprint256 }) => fingerprint256)),
      revocations,
    };
  } catch (cause) {
    const problem = `the option tls cannot be used: ${String(cause)}`;
    throw new TransportError('TRANSPORT_INVALID', problem, { cause });
  }
}

/** Node.js ignores a text without certificates, and would then trust no authority. */
function authoritiesOf(ca: string | Uint8Array): X509Certificate[] {
  const blocks = [...pem(ca).toString('latin1').matchAll(certificatePattern)];
  if (blocks.length === 0) throw new Error('ca has no certificate in PEM');
  return blocks.map(([block]) => new X509Certificate(block));
}

/** Splits a text into its revocation lists, because Node.js reads only the first list of a text. */
function revocationsOf(crl: string | Uint8Array): string[] {
  const blocks = [...pem(crl).toString('latin1').matchAll(crlPattern)];
  if (blocks.length === 0) throw new Error('crl has no revocation list in PEM');
  return blocks.map(([block]) => block);
}
