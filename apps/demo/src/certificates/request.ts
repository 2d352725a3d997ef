/** The command line of `certificates`. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { atMost, positive, UsageError } from '../argument-values.ts';

export interface NodeRequest {
  readonly id: bigint;
  /** Names and IP addresses by which the other members reach it. */
  readonly hosts: readonly string[];
}

export interface CertificatesRequest {
  readonly directory: string;
  readonly clusterId: bigint;
  readonly days: number;
  readonly nodes: readonly NodeRequest[];
  /** Members whose certificates are to be revoked. */
  readonly revoked: readonly bigint[];
}

export const certificatesHelp = `Usage: demo certificates --node ID=HOST[,HOST…] … [options]

Makes an authority, and a certificate and a key for each node, for a try-out. Where the directory has an
authority already, it signs for more nodes.

  --node ID=HOST[,…]   a node, and the names and IP addresses by which the others reach it; once for each
  --cluster ID         the id of the cluster (default: 1)
  --dir DIR            where the files get (default: certificates)
  --days COUNT         how long they are good, at most 825 (default: 30)
  --revoke ID          writes a list that revokes the certificate of this node; once for each

Files: ca.pem and crl.pem for every member; node-ID.pem and node-ID.key.pem for one. Keep ca.key.pem away
from all of them: whoever has it can speak for every member.
`;

/** `undefined` where help is asked for. Throws `UsageError`. */
export function readRequest(args: readonly string[]): CertificatesRequest | undefined {
  const values = parsed(args);
  if (values.help === true) return undefined;
  const { node = [], revoke = [], cluster = '1', dir = 'certificates', days = '30' } = values;
  const nodes = node.map(nodeOf);
  if (nodes.length + revoke.length === 0) throw new UsageError('--node ID=HOST is missing');
  if (new Set(nodes.map(({ id }) => id)).size < nodes.length) {
    throw new UsageError('--node is given twice for one id');
  }
  return {
    directory: resolve(dir),
    clusterId: idOf('--cluster', cluster),
    days: atMost('--days', days, 825),
    nodes,
    revoked: revoke.map((id) => idOf('--revoke', id)),
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        node: { type: 'string', multiple: true },
        revoke: { type: 'string', multiple: true },
        cluster: { type: 'string' },
        dir: { type: 'string' },
        days: { type: 'string' },
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function nodeOf(text: string): NodeRequest {
  const [id = '', hosts = '', ...rest] = text.split('=');
  const list = hosts.split(',');
  const isFine = rest.length === 0 && list.every((host) => /^[\w.:-]+$/.test(host));
  if (!isFine) throw new UsageError(`--node wants ID=HOST[,HOST…] without ports, got ${text}`);
  return { id: idOf('--node', id), hosts: list };
}

const idOf = (option: string, text: string): bigint => BigInt(positive(option, text, /^\d+$/));
