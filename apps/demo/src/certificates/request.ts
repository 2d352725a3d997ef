/** Parses the command line of `demo certificates`. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { atMost, positive, UsageError } from '../argument-values.ts';

export interface NodeRequest {
  readonly id: bigint;
  /** The host names and IP addresses under which the other members reach the node. */
  readonly hosts: readonly string[];
}

export interface CertificatesRequest {
  readonly directory: string;
  readonly clusterId: bigint;
  readonly days: number;
  readonly nodes: readonly NodeRequest[];
  /** The members whose certificates are revoked. */
  readonly revoked: readonly bigint[];
}

export const certificatesHelp = `Usage: demo certificates --node ID=HOST[,HOST…] … [options]

Makes a certificate authority, and a certificate and a key for each node, for a try-out. An authority that is
already in the directory is used again.

  --node ID=HOST[,…]   a node, and its host names and IP addresses; repeat it for each node
  --cluster ID         the id of the cluster (default: 1)
  --dir DIR            directory of the files (default: certificates)
  --days COUNT         validity of the certificates, at most 825 days (default: 30)
  --revoke ID          revoke the certificate of this node in crl.pem; repeat it for each node

Files: ca.pem and crl.pem for every member; node-ID.pem and node-ID.key.pem for one member. Do not copy
ca.key.pem to any of them: its owner can impersonate every member.
`;

/** Returns `undefined` for `--help`. Throws `UsageError`. */
export function readRequest(args: readonly string[]): CertificatesRequest | undefined {
  const values = parsed(args);
  if (values.help === true) return undefined;
  const { node = [], revoke = [], cluster = '1', dir = 'certificates', days = '30' } = values;
  const nodes = node.map(nodeOf);
  if (nodes.length + revoke.length === 0)
    throw new UsageError('give --node ID=HOST or --revoke ID at least once');
  if (new Set(nodes.map(({ id }) => id)).size < nodes.length) {
    throw new UsageError('--node is given twice for the same id');
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
  if (!isFine) throw new UsageError(`--node must be ID=HOST[,HOST…] without ports, got ${text}`);
  return { id: idOf('--node', id), hosts: list };
}

const idOf = (option: string, text: string): bigint => BigInt(positive(option, text, /^\d+$/));
