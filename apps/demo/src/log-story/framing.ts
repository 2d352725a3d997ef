/**
 * The format of an entry: a header that identifies a chunk of a document, then the chunk.
 * The log itself holds everything that is needed to continue after a crash. Little-endian:
 *
 *      0       3         4            6          10           14
 *      ┌───────┬─────────┬────────────┬──────────┬────────────┬──────┬─────────┐
 *      │ "doc" │ version │ path bytes │ chunk no.│ chunk count│ path │ content │
 *      └───────┴─────────┴────────────┴──────────┴────────────┴──────┴─────────┘
 *
 * The content reaches to the end of the entry; the log knows its length.
 */
const headerBytes = 14;
const magic: readonly number[] = [0x64, 0x6f, 0x63];
const version = 1;
const pathBytesMax = 0xffff;

/** A part of a document; chunks count from 0, and an empty document has one empty chunk. */
export interface Chunk {
  /** Below the input folder, with `/` between names. */
  readonly path: string;
  readonly chunk: number;
  readonly chunks: number;
  readonly content: Uint8Array;
}

/** Bytes that are not a chunk of this version. */
export class FramingError extends Error {
  override readonly name = 'FramingError';
}

/** The bytes of an entry; the content is copied. Throws `FramingError` for a path above 64 KiB. */
export function encodeChunk({ path, chunk, chunks, content }: Chunk): Uint8Array {
  const pathBytes = new TextEncoder().encode(path);
  if (pathBytes.length > pathBytesMax) {
    throw new FramingError(`a path of ${pathBytes.length} bytes; at most ${pathBytesMax} fit`);
  }
  if (!(chunk >= 0 && chunk < chunks)) {
    throw new FramingError(`chunk ${chunk} of ${chunks} cannot be`);
  }
  const bytes = new Uint8Array(headerBytes + pathBytes.length + content.length);
  const view = new DataView(bytes.buffer);
  bytes.set(magic, 0);
  view.setUint8(3, version);
  view.setUint16(4, pathBytes.length, true);
  view.setUint32(6, chunk, true);
  view.setUint32(10, chunks, true);
  bytes.set(pathBytes, headerBytes);
  bytes.set(content, headerBytes + pathBytes.length);
  return bytes;
}

/** The chunk in an entry; its content is a view of `bytes`. Throws `FramingError`. */
export function decodeChunk(bytes: Uint8Array): Chunk {
  if (bytes.length < headerBytes) {
    throw new FramingError(`an entry of ${bytes.length} bytes is shorter than the header`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (magic.some((byte, at) => bytes[at] !== byte)) {
    throw new FramingError('an entry that does not start with "doc"');
  }
  if (view.getUint8(3) !== version) {
    throw new FramingError(`framing version ${view.getUint8(3)}; this demo reads ${version}`);
  }
  const contentStart = headerBytes + view.getUint16(4, true);
  if (contentStart > bytes.length) throw new FramingError('a path that ends behind its entry');
  const chunk = view.getUint32(6, true);
  const chunks = view.getUint32(10, true);
  if (chunk >= chunks) throw new FramingError(`chunk ${chunk} of ${chunks} cannot be`);
  const path = decodePath(bytes.subarray(headerBytes, contentStart));
  return { path, chunk, chunks, content: bytes.subarray(contentStart) };
}

function decodePath(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new FramingError('a path that is not UTF-8', { cause });
  }
}
