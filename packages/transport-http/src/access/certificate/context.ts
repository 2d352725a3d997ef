/** Checks what members show and trust, and makes what TLS takes of it. */
import { constants, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { TransportError } from '../../errors.ts';
import type { HttpTransportTls } from './options.ts';
import { pem } from '../pem.ts';

export interface LoadedTls {
  readonly options: SecureContextOptions;
  /** For connections that go out. */
  readonly context: SecureContext;
  /** The authorities, by their SHA-256. */
  readonly authorities: ReadonlySet<string>;
  readonly revocations: readonly string[];
}

const certificatePattern = /-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----[^]*?-----END [^-]*-----/g;
const crlPattern = /-----BEGIN X509 CRL-----[^]*?-----END X509 CRL-----/g;

/** @throws TransportError (`TRANSPORT_INVALID`) for what cannot be used. */
export function loadTls(tls: HttpTransportTls): LoadedTls {
  try {
    const { ca, crl = [] } = tls;
    const authorities = ca === undefined ? [] : authoritiesOf(ca);
    const revocations = [crl].flat().flatMap(revocationsOf);
    const trust: SecureContextOptions = {
      ...(ca === undefined ? {} : { ca: pem(ca) }),
      ...(revocations.length === 0 ? {} : { crl: revocations }),
      minVersion: 'TLSv1.2',
      // A session that goes on is not verified again, so there is none.
      secureOptions: constants.SSL_OP_NO_TICKET,
    };
    const options = { ...trust, cert: pem(tls.cert), key: pem(tls.key) };
    // Both are read, and compared with each other, also where connections that go out show none.
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

/** Node.js passes over a text without certificates and would trust nobody then. */
function authoritiesOf(ca: string | Uint8Array): X509Certificate[] {
  const blocks = [...pem(ca).toString('latin1').matchAll(certificatePattern)];
  if (blocks.length === 0) throw new Error('ca has no certificate in PEM');
  return blocks.map(([block]) => new X509Certificate(block));
}

/** Node.js reads the first list of a text only. */
function revocationsOf(crl: string | Uint8Array): string[] {
  const blocks = [...pem(crl).toString('latin1').matchAll(crlPattern)];
  if (blocks.length === 0) throw new Error('crl has no revocation list in PEM');
  return blocks.map(([block]) => block);
}
