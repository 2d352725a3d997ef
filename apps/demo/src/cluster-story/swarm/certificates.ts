/** Certificates of the members, and those that the attackers have. */
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TlsFiles } from '../../cluster/node-protocol.ts';
import type { Credentials, Loot } from '../../swarm/swarm-protocol.ts';

const run = promisify(execFile);

export interface SwarmCertificates {
  readonly tlsOf: (id: bigint) => TlsFiles;
  readonly loot: Loot;
}

/** Makes everything below the directory. */
export async function makeCertificates(
  directory: string,
  members: readonly bigint[],
): Promise<SwarmCertificates> {
  await mkdir(directory, { recursive: true });
  const authority = await Authority.open(directory, 'authority');
  const stranger = await Authority.open(directory, 'stranger');
  for (const id of members) await authority.issue(`member-${id}`, 'IP:127.0.0.1');
  // One after the other: they share the file of serial numbers.
  const client = await authority.issue('client', 'DNS:laptop.example');
  const learner = await authority.issue('learner', 'IP:127.0.0.1');
  const removed = await authority.issue('removed', 'IP:127.0.0.1');
  return {
    tlsOf: (id) => ({
      cert: join(directory, `member-${id}.pem`),
      key: join(directory, `member-${id}.key`),
      ca: join(directory, 'authority.pem'),
    }),
    loot: {
      client,
      learner,
      removed,
      foreign: await stranger.issue('foreign', 'IP:127.0.0.1'),
      expired: await authority.issue('expired', 'IP:127.0.0.1', 'expired'),
    },
  };
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

class Authority {
  readonly #directory: string;
  readonly #name: string;

  private constructor(directory: string, name: string) {
    this.#directory = directory;
    this.#name = name;
  }

  static async open(directory: string, name: string): Promise<Authority> {
    const authority = new Authority(directory, name);
    const files = ['-keyout', `${name}.key`, '-out', `${name}.pem`];
    await authority.#run(
      'req',
      '-x509',
      ...newKey,
      ...files,
      '-days',
      '30',
      '-subj',
      `/CN=${name}`,
    );
    return authority;
  }

  async issue(
    name: string,
    host: string,
    age: 'current' | 'expired' = 'current',
  ): Promise<Credentials> {
    const path = (ending: string): string => join(this.#directory, `${name}.${ending}`);
    await writeFile(path('conf'), `subjectAltName=${host}\n`);
    const files = ['-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`];
    await this.#run('req', ...newKey, ...files);
    const signer = ['-CA', `${this.#name}.pem`, '-CAkey', `${this.#name}.key`, '-CAcreateserial'];
    const content = ['-extfile', `${name}.conf`, '-days', age === 'expired' ? '-1' : '30'];
    const request = ['-in', `${name}.csr`, '-out', `${name}.pem`];
    await this.#run('x509', '-req', ...request, ...signer, ...content);
    return { cert: await readFile(path('pem'), 'utf8'), key: await readFile(path('key'), 'utf8') };
  }

  async #run(...given: readonly string[]): Promise<void> {
    await run('openssl', given, { cwd: this.#directory });
  }
}
