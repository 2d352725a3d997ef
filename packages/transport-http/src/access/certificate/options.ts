/** The options of TLS. */
import type { X509Certificate } from 'node:crypto';

type Pem = string | Uint8Array;

/**
 * The certificate and key of this member in PEM, and whom it trusts. The same certificate serves
 * both roles: the member shows it to whoever connects to it and, with `mutual`, to whom it
 * connects.
 *
 * A certificate names its member: by a URI among its alternative names, by what `identify` says, or
 * by the host of the address that the membership has for the member. It must have the extended key
 * usage for its end of the connection: `serverAuth` or `clientAuth`.
 */
export interface HttpTransportTls {
  readonly cert: Pem;
  readonly key: Pem;
  /** The certificate authorities of the members. Without them, those that Node.js trusts. */
  readonly ca?: Pem | undefined;
  /**
   * Revocation lists of these authorities; none by default. With one, every authority in the chain
   * of a certificate needs a list that has not expired.
   */
  readonly crl?: Pem | readonly Pem[] | undefined;
  /**
   * Who connects must show a certificate of these authorities, too; true by default, and needs `ca`
   * then.
   */
  readonly mutual?: boolean | undefined;
  /**
   * Says which member a verified certificate belongs to; `undefined`: no member. It decides alone,
   * and is asked once for each connection. Where it throws, the certificate is refused.
   */
  readonly identify?: ((certificate: X509Certificate) => bigint | number | undefined) | undefined;
  /**
   * Hosts of members. A certificate for one of them may speak for a member that the membership here
   * does not have, as at a joiner, which knows nobody. By default there are none: only a URI or
   * `identify` names such a member.
   */
  readonly seeds?: readonly string[] | undefined;
  /**
   * True: every certificate of the authorities may speak for every member, as no certificate names
   * anybody. Whoever gets hold of one of them, such as that of a client, can forge messages of all
   * members. False by default.
   */
  readonly anyCertificateIsAnyMember?: boolean | undefined;
}

/** What `reloadTls` replaces. */
export type HttpTransportTlsFiles = Partial<Pick<HttpTransportTls, 'cert' | 'key' | 'ca' | 'crl'>>;
