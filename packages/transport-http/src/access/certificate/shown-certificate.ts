/** What the certificate that the other side of a connection has shown says. */
import type { X509Certificate } from 'node:crypto';
import { alternativeNamesOf } from './alternative-names.ts';
import { coversHost } from './hosts.ts';
import { isMemberUri } from './member-uri.ts';

/** The end of a connection that shows a certificate. */
export type CertificateRole = 'client' | 'server';

/** The extended key usages of RFC 5280. */
const usageOf: Readonly<Record<CertificateRole, string>> = {
  server: '1.3.6.1.5.5.7.3.1',
  client: '1.3.6.1.5.5.7.3.2',
};

export class ShownCertificate {
  readonly certificate: X509Certificate;
  /** Those of the scheme `babuza`. */
  readonly memberUris: readonly string[];
  readonly hasWildcard: boolean;
  readonly #usages: readonly string[];

  /** @throws Error for a certificate whose names cannot be read. */
  constructor(certificate: X509Certificate) {
    this.certificate = certificate;
    const names = alternativeNamesOf(certificate);
    this.memberUris = names
      .filter(({ type, value }) => type === 'URI' && isMemberUri(value))
      .map(({ value }) => value);
    this.hasWildcard = names.some(({ type, value }) => type === 'DNS' && value.includes('*'));
    // Node.js calls them so, and has `undefined` for a certificate without the extension.
    const usages: readonly string[] | undefined = certificate.keyUsage;
    this.#usages = usages ?? [];
  }

  /** False without the extension, too: such a certificate was not made for members. */
  isFor(role: CertificateRole): boolean {
    return this.#usages.includes(usageOf[role]);
  }

  covers(canonicalHost: string): boolean {
    return coversHost(this.certificate, canonicalHost);
  }
}
