/** Makes the certificates of a try-out. */
import { mkdir } from 'node:fs/promises';
import { nodeEnvironment } from '@babuza/vfs';
import type { CertificatesRequest } from './request.ts';

/**
 * Returns what was done, for people. Files that are there already are not overwritten, except the
 * revocation list.
 */
export async function makeCertificates({
  directory,
  clusterId,
  days,
  nodes,
  revoked,
}: CertificatesRequest): Promise<string> {
  // The library for certificates needs the other one to be there when it is loaded.
  await import('reflect-metadata');
  const { periodOf, TryOutAuthority } = await import('./authority.ts');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const period = periodOf(nodeEnvironment().clock.wallMs(), days);
  const authority = await TryOutAuthority.open(directory, clusterId, period);
  for (const node of nodes) await authority.issue(directory, clusterId, node, period);
  await authority.revoke(directory, revoked, period);
  const names = nodes.map(({ id }) => `node-${id}.pem, node-${id}.key.pem, `).join('');
  return `${directory} has ${names}ca.pem and crl.pem, good for ${days} days; keep ca.key.pem away from the members\n`;
}
