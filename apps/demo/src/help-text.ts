/** What the command line takes, and what it means where nothing is said. */
import type { SearchLimits } from './common/documents.ts';
import { defaultWalType } from './log-story/open-log.ts';

const mebibyte: number = 1024 * 1024;
/** What each story takes of the documents unless it is told otherwise. */
export const limits: Readonly<Record<'log' | 'cluster', SearchLimits>> = {
  log: { bytesMax: 96 * mebibyte, filesMax: 20_000 },
  cluster: { bytesMax: 64 * mebibyte, filesMax: 12_000 },
};
export const nodesMax = 9;
export const clientsMax = 1024;
/** The swarm comes from 127.0.1.1 up to this. */
export const sourcesMax = 250;

export const helpText: string = `Usage: demo [STORY] [options]

Stories:
  cluster              real files are written to a cluster of processes whose leader is killed and comes
                       back; a node joins, another leaves, and nothing is lost (default)
  chaos                a cluster is killed, cut and healed by chance under load; nothing is lost
  soak                 the same for an hour: memory, handles, disk and latency over time are plotted, and
                       must stay flat
  swarm                a cluster with mutual TLS is attacked from many addresses while clients write; what
                       docs/SECURITY.md promises is judged, beside the same attack on a dummy
  load                 writes per second of a cluster, at several numbers of clients
  failover             how long nobody leads when a leader is killed, or its disk hangs, many times
  log                  real files are logged by a process that is killed in the middle; the log is
                       recovered, verified, damaged on copies, and purged

  certificates         no story: makes an authority and certificates for a try-out; has a --help of
                       its own

Options of cluster, chaos, soak, swarm, load and failover:
  --nodes COUNT        processes at the beginning, 3 to ${nodesMax} (default: 3); of swarm always 3
  --clients COUNT      that write at a time (default: 32; of chaos and soak 8; of swarm 64; of load 1,64,256, one
                       after the other; not of failover)
  --wal TYPE[,TYPE…]   the log of all nodes, or of each in turn (default: ${defaultWalType})
  --serve              of cluster: keeps it running at the end, with a prompt: help says what it takes
  --sources COUNT      of swarm: addresses that it comes from, 127.0.1.1 and on, up to ${sourcesMax} (default: 50;
                       on other systems than Linux it comes from one)
  --seconds COUNT      of chaos: how long (default: 120); of swarm: on each target (default: 60);
                       of load: with each number of clients (default: 10)
  --minutes COUNT      of soak: how long (default: 60); below 10 the start is still seen
  --report PATH        of soak: where PATH.html and PATH.csv get (default: tmp/soak-SEED)
  --seed NUMBER        of chaos, soak and swarm: what happens, and in which order (default: by chance)
  --kills COUNT        of failover: how many leaders (default: 100)
  --fault FAULT        of failover: what happens to them: kill, hung-disk, or short-stalls, which must
                       change no leader (default: kill)

Options of cluster and log:
  --wal TYPE           the log (default: ${defaultWalType})
  --input DIR          take all files below DIR (default: every package.json, *.md, *.d.ts and *.js
                       below the workspace's node_modules)
  --limit BYTES        take documents of so many bytes together; K, M and G may follow
                       (default: ${limits.cluster.bytesMax / mebibyte}M; of the log ${limits.log.bytesMax / mebibyte}M)
  --limit-files COUNT  take so many documents (default: ${limits.cluster.filesMax}; of the log ${limits.log.filesMax})

Options of all:
  --dir DIR            keep everything in DIR, which must not hold a log yet (default: a temporary
                       folder that is removed at the end)
  --help               this text

Exit code: 0 when everything was verified, 1 when something failed, 2 for a wrong command line.
`;
