/**
 * The writer process: it owns the log, does what the demo asks over IPC, and is killed in the
 * middle. What it acknowledges is durable: an acknowledgement is sent only after `save` resolved.
 */
import type { Entry } from '@babuza/raftpb';
import { openChunkLog, type ChunkLog } from './chunk-log.ts';
import { lastBatch } from './damage.ts';
import { readPiece, sha256Of, type Piece } from '../common/documents.ts';
import { isRequest, type Answer, type ListedEntry, type Notice, type Request } from './protocol.ts';

/** Entries that are told in one message when the log is listed. */
const listedPerMessage = 200;

let log: ChunkLog | undefined;

async function answer(request: Request): Promise<Answer> {
  if (request.type === 'open') return openLog(request);
  if (log === undefined) throw new Error(`${request.type} before the log was opened`);
  switch (request.type) {
    case 'write':
      await writePieces(log, request.root, request.pieces, request.writers);
      break;
    case 'list':
      await listLog(log);
      break;
    case 'measure':
      return { type: 'measured', heldBytes: await heldBytesOf(log) };
    case 'save-and-die':
      await saveAndDie(log);
      break;
    case 'snapshot-and-purge':
      return { type: 'purged', report: await log.snapshotAndPurge(request.index) };
    case 'close':
      await log.close();
      break;
  }
  return { type: 'done', counters: log.counters };
}

async function openLog({
  walType,
  storageRoot,
  how,
}: Extract<Request, { type: 'open' }>): Promise<Answer> {
  const opened = await openChunkLog(walType, storageRoot, how);
  const { openMs } = opened;
  log = opened.log;
  const { durable, batchAtomic, detectsEveryFlip } = log.manager.capabilities;
  const { tail, storage } = log.opened;
  await log.startTerm();
  return {
    type: 'opened',
    existed: opened.existed,
    durable,
    batchAtomic,
    detectsEveryFlip,
    openMs,
    tail,
    firstIndex: storage.firstIndex(),
    lastIndex: storage.lastIndex(),
    term: log.term,
  };
}

/** Many writers take the next piece each, read it, append it, and say so when it is durable. */
async function writePieces(
  log: ChunkLog,
  root: string,
  pieces: readonly Piece[],
  writers: number,
): Promise<void> {
  let next = 0;
  const writer = async (): Promise<void> => {
    for (let piece = pieces[next++]; piece !== undefined; piece = pieces[next++]) {
      const { path, chunk, chunks, bytes } = piece;
      const content = await readPiece(root, piece);
      const sha256 = sha256Of(content);
      const index = await log.append([{ path, chunk, chunks, content }]);
      const { counters } = log;
      tell({ type: 'acknowledged', index, path, chunk, chunks, bytes, sha256, counters });
    }
  };
  await Promise.all(Array.from({ length: writers }, writer));
  await log.commitAll();
}

async function listLog(log: ChunkLog): Promise<void> {
  let entries: ListedEntry[] = [];
  for await (const entry of log.list(log.opened.storage.firstIndex())) {
    entries.push(entry);
    if (entries.length === listedPerMessage) {
      tell({ type: 'listed', entries });
      entries = [];
    }
  }
  tell({ type: 'listed', entries });
}

/**
 * Measures the memory of the same entries in a log that lives in RAM, such as etcd's MemoryStorage.
 */
async function heldBytesOf(log: ChunkLog): Promise<number> {
  const { storage } = log.opened;
  const bytesBefore = await usedBytes();
  const held: Entry[] = [];
  for await (const entry of storage.iterate(storage.firstIndex(), storage.lastIndex() + 1)) {
    held.push(entry.data === undefined ? entry : { ...entry, data: new Uint8Array(entry.data) });
  }
  const bytes = (await usedBytes()) - bytesBefore;
  // Used after measuring, so that the array is still there while it is measured.
  return held.length === 0 ? 0 : bytes;
}

/**
 * The process is gone before anything else can happen: no clean close, no mark behind the batch.
 */
async function saveAndDie(log: ChunkLog): Promise<void> {
  await log.append(lastBatch());
  process.kill(process.pid, 'SIGKILL');
}

/** Heap and buffers in use after a garbage collection; buffers are freed some time after it. */
async function usedBytes(): Promise<number> {
  for (let round = 0; round < 2; round += 1) {
    globalThis.gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function tell(message: Notice | Answer): void {
  process.send?.(message);
}

process.on('message', (message: unknown) => {
  if (!isRequest(message)) return;
  answer(message).then(tell, (error: unknown) => {
    const code =
      error instanceof Error && 'code' in error && typeof error.code === 'string'
        ? error.code
        : undefined;
    tell({
      type: 'failed',
      code,
      message: error instanceof Error ? error.message : String(error),
    });
  });
});

// Ctrl-C reaches the whole group of processes; the demo decides what becomes of this one.
process.on('SIGINT', () => undefined);
// The writer ends when the demo has ended.
process.on('disconnect', () => process.exit(1));
