/** The help text of the demo, and the limits and defaults that it states. */
import type { SearchLimits } from './common/documents.ts';
import { defaultWalType } from './log-story/open-log.ts';

const mebibyte: number = 1024 * 1024;
/** Default limits on the documents that a story reads. */
export const limits: Readonly<Record<'log' | 'cluster', SearchLimits>> = {
  log: { bytesMax: 96 * mebibyte, filesMax: 20_000 },
  cluster: { bytesMax: 64 * mebibyte, filesMax: 12_000 },
};
export const nodesMax = 9;
export const clientsMax = 1024;
/** The source addresses of the swarm are 127.0.1.1 to 127.0.1.250. */
export const sourcesMax = 250;

export const helpText: string = `Usage: demo [STORY] [options]

Stories:
  cluster              writes real files to a cluster of processes; meanwhile the leader is killed and
                       comes back, one node joins and another leaves, and nothing is lost (default)
  chaos                kills, partitions and freezes nodes at random under load; nothing is lost
  soak                 does the same for an hour; plots memory, handles, disk and latency over time,
                       which must stay flat
  swarm                attacks a cluster with mutual TLS from many addresses while clients write;
                       checks the promises of docs/SECURITY.md, and compares with the same attack on a
                       dummy target
  load                 measures the writes per second of a cluster for several numbers of clients
  failover             kills the leader, or lets its disk hang, many times; measures how long the
                       cluster has no leader
  log                  writes real files to one log in a process that is killed midway; then recovers,
                       verifies and purges the log, and damages copies of it

  certificates         is not a story: makes a certificate authority and certificates for a try-out;
                       has its own --help

Options of cluster, chaos, soak, swarm, load and failover:
  --nodes COUNT        number of node processes at the start, 3 to ${nodesMax} (default: 3); swarm always has 3
  --clients COUNT      number of clients that write at the same time (default: 32; chaos and soak 8;
                       swarm 64; load 1,64,256, one after the other); failover does not take it
  --wal TYPE[,TYPE…]   log type of all nodes, or a list that the nodes take in turn (default: ${defaultWalType})
  --serve              cluster: keeps the cluster running at the end, with a prompt that takes commands
  --sources COUNT      swarm: number of source addresses, from 127.0.1.1 on, up to ${sourcesMax} (default: 50);
                       only Linux has more than one
  --seconds COUNT      chaos: duration (default: 120); swarm: duration on each target (default: 60);
                       load: duration with each number of clients (default: 10)
  --minutes COUNT      soak: duration (default: 60); below 10 minutes the warm-up may look like growth
  --report PATH        soak: writes PATH.html and PATH.csv (default: tmp/soak-SEED)
  --seed NUMBER        chaos, soak and swarm: seed of the random choice of faults (default: random)
  --kills COUNT        failover: number of faults (default: 100)
  --fault FAULT        failover: kill, hung-disk, or short-stalls, which must not change the leader
                       (default: kill)

Options of cluster and log:
  --wal TYPE           log type (default: ${defaultWalType})
  --input DIR          take all files below DIR (default: every package.json, *.md, *.d.ts and *.js
                       below the workspace's node_modules)
  --limit BYTES        take at most this many bytes of documents; accepts the suffixes K, M and G
                       (default: ${limits.cluster.bytesMax / mebibyte}M; log ${limits.log.bytesMax / mebibyte}M)
  --limit-files COUNT  take at most this many documents (default: ${limits.cluster.filesMax}; log ${limits.log.filesMax})

Options of all stories:
  --dir DIR            keep everything in DIR, which must not hold a log yet (default: a temporary
                       folder that is removed at the end)
  --help               print this text

Exit code: 0 when everything was verified, 1 when something failed, 2 for a wrong command line.
`;
