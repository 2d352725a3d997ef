/** The option `tls`. */
import type { X509Certificate } from 'node:crypto';

type Pem = string | Uint8Array;

/**
 * The certificate and key of this member in PEM, and the authorities that it trusts. The member
 * presents the same certificate to members that connect to it and, with `mutual`, to members that
 * it connects to.
 *
 * A certificate names its member by a URI among its alternative names, by the result of `identify`,
 * or by the host of the member's address in the membership. It must have the extended key usage for
 * its role in the connection: `serverAuth` or `clientAuth`.
 */
export interface HttpTransportTls {
  readonly cert: Pem;
  readonly key: Pem;
  /** The certificate authorities of the members. Default: those that Node.js trusts. */
  readonly ca?: Pem | undefined;
  /**
   * Revocation lists of these authorities. Default: no lists. With a list, every authority in the
   * chain of a certificate needs a list that has not expired.
   */
  readonly crl?: Pem | readonly Pem[] | undefined;
  /**
   * Whether members that connect must present a certificate of these authorities. Default true,
   * which requires `ca`.
   */
  readonly mutual?: boolean | undefined;
  /**
   * Returns the id of the member that a verified certificate belongs to, or `undefined` if it
   * belongs to no member. If given, it alone decides. It is called once per connection. If it
   * throws, the certificate is refused.
   */
  readonly identify?: ((certificate: X509Certificate) => bigint | number | undefined) | undefined;
  /**
   * Hosts of members. A certificate for one of these hosts may speak for a node outside this
   * member's membership, which a joining node needs because its membership is empty. Default: no
   * hosts, so that only a URI or `identify` can name such a node.
   */
  readonly seeds?: readonly string[] | undefined;
  /**
   * Whether every certificate of the authorities may speak for every member, for certificates that
   * do not name members. Anyone who obtains one of them, such as a client's, can then forge
   * messages of all members. Default false.
   */
  readonly anyCertificateIsAnyMember?: boolean | undefined;
}

/** The files that `reloadTls` can replace. */
export type HttpTransportTlsFiles = Partial<Pick<HttpTransportTls, 'cert' | 'key' | 'ca' | 'crl'>>;
