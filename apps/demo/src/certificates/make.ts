/** Makes the certificates for a try-out. */
import { mkdir } from 'node:fs/promises';
import { nodeEnvironment } from '@babuza/vfs';
import type { CertificatesRequest } from './request.ts';

/**
 * Returns a message for the user. Existing files are not overwritten, except the revocation list.
 */
export async function makeCertificates({
  directory,
  clusterId,
  days,
  nodes,
  revoked,
}: CertificatesRequest): Promise<string> {
  // `@peculiar/x509` needs `reflect-metadata` to be loaded first.
  await import('reflect-metadata');
  const { periodOf, TryOutAuthority } = await import('./authority.ts');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const period = periodOf(nodeEnvironment().clock.wallMs(), days);
  const authority = await TryOutAuthority.open(directory, clusterId, period);
  for (const node of nodes) await authority.issue(directory, clusterId, node, period);
  await authority.revoke(directory, revoked, period);
  const names = nodes.map(({ id }) => `node-${id}.pem, node-${id}.key.pem, `).join('');
  return `${directory} has ${names}ca.pem and crl.pem, valid for ${days} days; do not copy ca.key.pem to the members\n`;
}
