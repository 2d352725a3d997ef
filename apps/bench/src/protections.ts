/** Protects the connections of the two measured members by a secret, or by mutual TLS. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { HttpTransportOptions } from '@babuza/transport-http';

/** The options of one member. */
export type Protection = (nodeId: bigint) => Pick<HttpTransportOptions, 'secret' | 'tls'>;

/** The certificates come from the demo's command, as those of a try-out do. */
export async function makeProtections(
  directory: string,
): Promise<{ readonly secret: Protection; readonly tls: Protection }> {
  const demo = fileURLToPath(new URL('../../demo/dist/main.js', import.meta.url));
  const place = join(directory, 'certificates');
  const nodes = ['--node', '1=127.0.0.1', '--node', '2=127.0.0.1'];
  await promisify(execFile)(process.execPath, [demo, 'certificates', '--dir', place, ...nodes]);
  const read = (name: string): Promise<string> => readFile(join(place, name), 'utf8');
  const ca = await read('ca.pem');
  const certificates = new Map<bigint, { readonly cert: string; readonly key: string }>();
  for (const id of [1n, 2n]) {
    certificates.set(id, {
      cert: await read(`node-${id}.pem`),
      key: await read(`node-${id}.key.pem`),
    });
  }
  const secret = randomBytes(32);
  return {
    secret: () => ({ secret }),
    tls: (id) => {
      const own = certificates.get(id);
      return own === undefined ? {} : { tls: { ...own, ca } };
    },
  };
}
