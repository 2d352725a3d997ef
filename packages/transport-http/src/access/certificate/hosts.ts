/** Compares the hosts of addresses with those that a certificate is for. */
import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';

/** The same text for all ways to write the same host. */
export function canonicalHost(host: string): string {
  if (isIP(host) === 6) return canonicalIpv6(host);
  const ascii = domainToASCII(host).toLowerCase() || host.toLowerCase();
  return ascii.endsWith('.') ? ascii.slice(0, -1) : ascii;
}

/**
 * An IPv4 address that is written as IPv6 is an IPv4 address; the name of an interface is left out.
 */
function canonicalIpv6(host: string): string {
  const { hostname } = new URL(`http://[${host.replace(/%.*$/, '')}]`);
  const short = hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short) ?? [];
  if (high === undefined || low === undefined) return short;
  const bytes = [high, low].flatMap((half) => {
    const value = Number.parseInt(half, 16);
    return [value >> 8, value & 255];
  });
  return bytes.join('.');
}

/**
 * Whether the certificate is for the host, by its alternative names only: never by its common name.
 * An IP address is covered by the same IP address only. A wildcard counts.
 */
export function coversHost(certificate: X509Certificate, canonical: string): boolean {
  if (canonical === '') return false;
  if (isIP(canonical) !== 0) return certificate.checkIP(canonical) !== undefined;
  // OpenSSL takes a name that begins with a dot for all names below it.
  if (canonical.startsWith('.')) return false;
  return certificate.checkHost(canonical, { subject: 'never' }) !== undefined;
}
