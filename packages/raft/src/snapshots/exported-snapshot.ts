/**
 * A snapshot as one stream of bytes that is kept outside of the cluster: a backup, or the beginning
 * of a new cluster. It holds the state at one index, does not depend on the node's snapshot manager
 * and log, and can be read by later releases.
 *
 * ```
 *   frame:  | type 1 | length 4 | sequence 4 | CRC-32 4 | payload |
 *            integers are big-endian; the CRC covers everything else
 *   stream: header (JSON: version, clusterId, index, term, snapshotId, identity),
 *           then for each file its name and its chunks, then an end frame
 * ```
 *
 * The sequence counts the frames from 0, and the end frame shows that nothing is missing. A stream
 * that was cut, or put together from several, is refused.
 */
import { crc32 } from 'node:zlib';
import { viewOf } from '../support/bytes.ts';
import { RaftError } from '../errors.ts';
import { fieldOf, identityToJson, type ClusterIdentity } from '../identity/cluster-identity.ts';
import { idFromText } from '../identity/id-text.ts';
import { parseJson } from '../membership/membership-codec.ts';
import type { OpenSnapshot, SnapshotFiles } from '../ports/snapshot-manager.ts';

const FrameType = { Header: 1, File: 2, Chunk: 3, End: 4 } as const;
type FrameType = (typeof FrameType)[keyof typeof FrameType];

const formatVersion = 1;
const headBytes = 13;
const chunkBytesMax = 1024 * 1024;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Where the exported state was taken. */
export interface ExportHeader {
  readonly clusterId: bigint;
  readonly index: number;
  readonly term: number;
  /** The same content of the same index has the same id, wherever it was exported. */
  readonly exportId: string;
}

/** The snapshot as a stream; every chunk was checked when it was read. */
export async function* encodeExport(
  clusterId: bigint,
  identity: ClusterIdentity,
  open: OpenSnapshot,
): AsyncGenerator<Uint8Array, void, void> {
  const { index, term } = open.snapshot.metadata;
  let sequence = 0;
  const next = (type: FrameType, payload: Uint8Array): Uint8Array => {
    sequence += 1;
    return encodeFrame(type, sequence - 1, payload);
  };
  const header = {
    version: formatVersion,
    clusterId: String(clusterId),
    index,
    term,
    snapshotId: open.snapshot.id,
    identity: identityToJson(identity),
  };
  yield next(FrameType.Header, encoder.encode(JSON.stringify(header)));
  for (const name of open.fileNames) {
    yield next(FrameType.File, encoder.encode(name));
    for await (const bytes of open.readFile(name)) {
      for (let at = 0; at < bytes.length; at += chunkBytesMax) {
        yield next(FrameType.Chunk, bytes.subarray(at, at + chunkBytesMax));
      }
    }
  }
  yield next(FrameType.End, new Uint8Array(0));
}

/**
 * Reads an exported stream, once, from the beginning to its end. Throws `RAFT_STATE_UNREADABLE`.
 */
export class ExportReader {
  readonly #frames: AsyncGenerator<Frame, void, void>;
  #frame: Frame | undefined;

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#frames = framesOf(stream);
  }

  async header(): Promise<ExportHeader> {
    const { payload } = await this.#take(FrameType.Header);
    const json = parseJson(payload);
    const [version, clusterId, index, term, snapshotId] = [
      'version',
      'clusterId',
      'index',
      'term',
      'snapshotId',
    ].map((name) => fieldOf(json, name));
    if (version !== formatVersion) {
      throw unreadable(`version ${String(version)}, known is ${formatVersion}`);
    }
    const id = idFromText(clusterId);
    if (id === undefined || !isCount(index) || !isCount(term)) {
      throw unreadable('a header without cluster, index and term');
    }
    // Exports of earlier releases have no id of their content.
    const exportId = typeof snapshotId === 'string' ? snapshotId : `${index} ${term}`;
    return { clusterId: id, index, term, exportId };
  }

  /**
   * Writes the files into a snapshot that is being made; the one of this name is given to `change`,
   * whole, and what that returns is written.
   */
  async copyTo(
    files: SnapshotFiles,
    name: string,
    change: (bytes: Uint8Array) => Uint8Array,
  ): Promise<void> {
    while ((await this.#peek()).type === FrameType.File) {
      const fileName = decoder.decode((await this.#take(FrameType.File)).payload);
      if (fileName !== name) await files.writeFile(fileName, this.#chunks());
      else {
        const chunks: Uint8Array[] = [];
        for await (const chunk of this.#chunks()) chunks.push(chunk);
        await files.writeFile(name, [change(Buffer.concat(chunks))]);
      }
    }
    await this.#take(FrameType.End);
    // Nothing comes behind it, or this throws.
    await this.#frames.next();
  }

  /** The source of the stream is told that nobody reads on. */
  async close(): Promise<void> {
    await this.#frames.return();
  }

  async *#chunks(): AsyncGenerator<Uint8Array, void, void> {
    while ((await this.#peek()).type === FrameType.Chunk) {
      yield (await this.#take(FrameType.Chunk)).payload;
    }
  }

  async #peek(): Promise<Frame> {
    if (this.#frame === undefined) {
      const { value } = await this.#frames.next();
      if (value === undefined) throw unreadable('it ends too early');
      this.#frame = value;
    }
    return this.#frame;
  }

  async #take(type: FrameType): Promise<Frame> {
    const frame = await this.#peek();
    if (frame.type !== type) throw unreadable(`frame of type ${frame.type}, expected ${type}`);
    this.#frame = undefined;
    return frame;
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

interface Frame {
  readonly type: number;
  readonly payload: Uint8Array;
}

function encodeFrame(type: FrameType, sequence: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(headBytes + payload.length);
  const view = viewOf(bytes);
  view.setUint8(0, type);
  view.setUint32(1, payload.length);
  view.setUint32(5, sequence);
  bytes.set(payload, headBytes);
  view.setUint32(9, checksumOf(bytes));
  return bytes;
}

/** Of everything but itself. */
function checksumOf(frame: Uint8Array): number {
  return crc32(frame.subarray(headBytes), crc32(frame.subarray(0, 9)));
}

async function* framesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Frame, void, void> {
  let bytes: Uint8Array = new Uint8Array(0);
  let sequence = 0;
  let ended = false;
  for await (const piece of stream) {
    if (!(piece instanceof Uint8Array)) {
      throw unreadable('its chunks must be bytes; is it a stream with an encoding?');
    }
    bytes = bytes.length === 0 ? piece : Buffer.concat([bytes, piece]);
    for (;;) {
      if (ended && bytes.length > 0) throw unreadable('it goes on behind its end');
      if (bytes.length < headBytes) break;
      const view = viewOf(bytes);
      const length = view.getUint32(1);
      if (length > chunkBytesMax) throw unreadable(`frame ${sequence} of ${length} bytes`);
      if (bytes.length < headBytes + length) break;
      const frame = bytes.subarray(0, headBytes + length);
      if (view.getUint32(9) !== checksumOf(frame) || view.getUint32(5) !== sequence) {
        throw unreadable(`frame ${sequence} is damaged, or of another stream`);
      }
      sequence += 1;
      const type = view.getUint8(0);
      yield { type, payload: frame.subarray(headBytes) };
      ended = type === FrameType.End;
      bytes = bytes.subarray(headBytes + length);
    }
  }
  if (bytes.length > 0) throw unreadable('it ends in the middle of a frame');
}

function unreadable(what: string): RaftError {
  return new RaftError('RAFT_STATE_UNREADABLE', `an exported snapshot cannot be read: ${what}`);
}
