/** The parts of a certificate that decide which member it names. */
import type { X509Certificate } from 'node:crypto';
import { alternativeNamesOf } from './alternative-names.ts';
import { coversHost } from './hosts.ts';
import { isMemberUri } from './member-uri.ts';

/** The role in the connection of the side that presents the certificate. */
export type CertificateRole = 'client' | 'server';

/** The extended key usages of RFC 5280. */
const usageOf: Readonly<Record<CertificateRole, string>> = {
  server: '1.3.6.1.5.5.7.3.1',
  client: '1.3.6.1.5.5.7.3.2',
};

export class ShownCertificate {
  readonly certificate: X509Certificate;
  /** The alternative names with the scheme `babuza`. */
  readonly memberUris: readonly string[];
  readonly hasWildcard: boolean;
  readonly #usages: readonly string[];

  /** @throws Error if the names of the certificate cannot be parsed. */
  constructor(certificate: X509Certificate) {
    this.certificate = certificate;
    const names = alternativeNamesOf(certificate);
    this.memberUris = names
      .filter(({ type, value }) => type === 'URI' && isMemberUri(value))
      .map(({ value }) => value);
    this.hasWildcard = names.some(({ type, value }) => type === 'DNS' && value.includes('*'));
    // `keyUsage` of Node.js holds the extended key usages; it is `undefined` without the extension.
    const usages: readonly string[] | undefined = certificate.keyUsage;
    this.#usages = usages ?? [];
  }

  /**
   * Whether the certificate has the extended key usage for the role. A certificate without the
   * extension was not made for members.
   */
  isFor(role: CertificateRole): boolean {
    return this.#usages.includes(usageOf[role]);
  }

  covers(canonicalHost: string): boolean {
    return coversHost(this.certificate, canonicalHost);
  }
}
