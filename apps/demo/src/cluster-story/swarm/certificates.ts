/** Makes the certificates of the members and of the attackers. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Period, TryOutAuthority } from '../../certificates/authority.ts';
import { clusterId } from '../../cluster/cluster-id.ts';
import type { TlsFiles } from '../../cluster/node-protocol.ts';
import type { Credentials, Loot } from '../../swarm/swarm-protocol.ts';

export interface SwarmCertificates {
  readonly tlsOf: (id: bigint) => TlsFiles;
  readonly loot: Loot;
}

/** The ids of the hostile learner, of the removed member, and of a client that is not a member. */
const learnerId = 4n;
const removedId = 5n;
const clientId = 99n;

const dayMs = 86_400_000;

/** Makes all certificates below `directory`. */
export async function makeSwarmCertificates(
  directory: string,
  members: readonly bigint[],
): Promise<SwarmCertificates> {
  // `@peculiar/x509` needs `reflect-metadata` to be loaded first.
  await import('reflect-metadata');
  const { periodOf, TryOutAuthority } = await import('../../certificates/authority.ts');
  const folder = async (name: string): Promise<string> => {
    const path = join(directory, name);
    await mkdir(path, { recursive: true });
    return path;
  };
  const [own, foreign, expired] = [
    await folder('members'),
    await folder('foreign'),
    await folder('expired'),
  ];
  const current = periodOf(Date.now(), 2);
  const past = periodOf(Date.now() - 30 * dayMs, 2);
  const authority = await TryOutAuthority.open(own, clusterId, current);
  const stranger = await TryOutAuthority.open(foreign, clusterId, current);
  for (const id of [...members, learnerId, removedId, clientId]) {
    await issue(authority, own, id, current);
  }
  await issue(stranger, foreign, clientId, current);
  await issue(authority, expired, clientId, past);
  return {
    tlsOf: (id) => ({ ...filesOf(own, id), ca: join(own, 'ca.pem') }),
    loot: {
      client: await credentialsOf(own, clientId),
      learner: await credentialsOf(own, learnerId),
      removed: await credentialsOf(own, removedId),
      foreign: await credentialsOf(foreign, clientId),
      expired: await credentialsOf(expired, clientId),
    },
  };
}

const issue = (
  authority: TryOutAuthority,
  directory: string,
  id: bigint,
  period: Period,
): Promise<void> => authority.issue(directory, clusterId, { id, hosts: ['127.0.0.1'] }, period);

const filesOf = (
  directory: string,
  id: bigint,
): { readonly cert: string; readonly key: string } => ({
  cert: join(directory, `node-${id}.pem`),
  key: join(directory, `node-${id}.key.pem`),
});

async function credentialsOf(directory: string, id: bigint): Promise<Credentials> {
  const { cert, key } = filesOf(directory, id);
  return { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') };
}
