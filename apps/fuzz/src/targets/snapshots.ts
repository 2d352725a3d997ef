/** Snapshots as they lie on a disk and as they are sent. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { decodeSnapshotMetadata, type SnapshotMetadata } from '@babuza/raftpb';
import { Finding, refusal, type Decoder, type Outcome, type Target } from '../decoder.ts';
import { chunks, exportedSnapshot, manifests, metadataFiles, snapshotIds } from '../internals.ts';
import { joined } from '../forge/mutate-bytes.ts';
import { checkId, roundTrip } from '../round-trip.ts';
import { bytesOf } from './samples.ts';

const documented = ['SNAPSHOT_CORRUPT', 'SNAPSHOT_VERSION'];
const metadata: SnapshotMetadata = {
  index: 2 ** 53 - 1,
  term: 3,
  confState: {
    voters: [1n, 2n, 2n ** 64n - 1n],
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  },
};

function manifestOf(codec: 'none' | 'deflate', names: readonly string[], chunkBytes = 512) {
  const files = names.map((name) => {
    const contentBytes = 2 * chunkBytes - 24;
    const storedBytes = contentBytes + 2 * manifests.chunkHeadBytes;
    return { name, contentBytes, storedBytes, sha256: createHash('sha256').update(name).digest() };
  });
  return { id: snapshotIds.snapshotIdOf(0n, metadata, files), codec, chunkBytes, files };
}

/** Puts the right checksum of all bytes before it into the last four bytes. */
function sealEnd(input: Uint8Array): Uint8Array {
  if (input.length < 4) return input;
  const sealed = Uint8Array.from(input);
  const at = sealed.length - 4;
  new DataView(sealed.buffer).setUint32(at, crc32(sealed.subarray(0, at)));
  return sealed;
}

const manifestSamples = [
  manifests.encodeManifest(manifestOf('none', ['node.json', 'state'])),
  manifests.encodeManifest(manifestOf('deflate', ['state'])),
  manifests.encodeManifest(manifestOf('deflate', [])),
];

const manifest: Decoder = {
  name: 'snapshot/decodeManifest',
  covers: ['snapshot/unseal'],
  form: 'bytes',
  samples: manifestSamples,
  seal: sealEnd,
  run: roundTrip({
    decode: (bytes) => manifests.decodeManifest(bytes),
    encode: manifests.encodeManifest,
    documented,
    check: (value, input) => {
      if (Buffer.compare(manifests.encodeManifest(value), input) !== 0) {
        throw new Finding('a manifest has other bytes when it is encoded again');
      }
    },
  }),
  weight: 2,
};

/** The offsets in a metadata file, used to correct its id and checksums after a mutation. */
const metadataLengthAt = 24;
const partsAt = 36;
const manifestIdAt = 20;

function sealMetadataFile(input: Uint8Array): Uint8Array {
  if (input.length < partsAt + 4) return input;
  const sealed = Uint8Array.from(input);
  const view = new DataView(sealed.buffer);
  const metadataBytes = view.getUint32(metadataLengthAt);
  const manifestBytes = view.getUint32(metadataLengthAt + 4);
  const start = partsAt + metadataBytes;
  const end = start + manifestBytes;
  if (manifestBytes >= manifestIdAt + 32 + 8 && end <= sealed.length - 4) {
    const part = sealed.subarray(start, end);
    const withId = withRightId(sealed.subarray(partsAt, start), sealEnd(part));
    sealed.set(sealEnd(withId), start);
  }
  return sealEnd(sealed);
}

/** The manifest with the id of its content; unchanged where it cannot be read. */
function withRightId(metadataPart: Uint8Array, manifestPart: Uint8Array): Uint8Array {
  try {
    const { files } = manifests.decodeManifest(manifestPart);
    const id = snapshotIds.snapshotIdOf(0n, decodeSnapshotMetadata(metadataPart), files);
    const result = Uint8Array.from(manifestPart);
    result.set(Buffer.from(id, 'hex'), manifestIdAt);
    return result;
  } catch {
    return manifestPart;
  }
}

const metadataFile: Decoder = {
  name: 'snapshot/decodeMetadataFile',
  form: 'bytes',
  samples: manifestSamples.map((manifestBytes) => {
    const value = manifests.decodeManifest(manifestBytes);
    return metadataFiles.encodeMetadataFile({
      groupId: 0n,
      metadata,
      manifest: value,
      manifestBytes,
      locations: value.files.map((_, number) =>
        number === 0 ? { number } : { number: 7, outside: '/outside/path' },
      ),
    });
  }),
  seal: sealMetadataFile,
  run: roundTrip({
    decode: (bytes) => metadataFiles.decodeMetadataFile(bytes, 0n, 'snapshot'),
    encode: metadataFiles.encodeMetadataFile,
    documented,
    check: ({ metadata: { confState } }) => {
      for (const id of confState.voters) checkId('a voter of a snapshot', id);
    },
  }),
  weight: 2,
};

const chunkKinds = [
  ['none', 512],
  ['deflate', 512],
  ['deflate', 65_536],
] as const;
/** Compressed, the zeros take less than a chunk. */
const bombBytes = 32 * 1024 * 1024;

/** Files of two chunks, whose first one is head and stored bytes. */
const chunkForms = chunkKinds.map(([codec, chunkBytes]) => {
  const value = manifestOf(codec, ['state'], chunkBytes);
  const [file] = value.files;
  if (file === undefined) throw new Error('the manifest has no file');
  return new chunks.FileChunks(metadata, value, file);
});

async function chunkSamples(): Promise<Uint8Array[]> {
  return Promise.all(
    chunkForms.map(async (form, at) => {
      const isBomb = form.chunkBytes > 512;
      const content = new Uint8Array(isBomb ? bombBytes : 512);
      if (!isBomb) content.forEach((_, byte) => void (content[byte] = byte % 7));
      const stored = await chunks.pack(form.codec, content, 6);
      const chunk = joined([at], new Uint8Array(manifests.chunkHeadBytes), stored);
      chunks.writeHead(chunk, 1, form, 0, form.contentBytesOf(0), stored);
      return chunk;
    }),
  );
}

/** The first byte says which form the chunk has. */
function formOf(input: Uint8Array): InstanceType<typeof chunks.FileChunks> | undefined {
  return chunkForms[(input[0] ?? 0) % chunkForms.length];
}

const chunk: Decoder = {
  name: 'snapshot/chunk',
  form: 'bytes',
  samples: await chunkSamples(),
  seal: (input) => {
    const form = formOf(input);
    if (form === undefined || input.length < 1 + manifests.chunkHeadBytes) return input;
    const sealed = Uint8Array.from(input);
    const stored = sealed.subarray(1 + manifests.chunkHeadBytes);
    chunks.writeHead(sealed, 1, form, 0, form.contentBytesOf(0), stored);
    return sealed;
  },
  run: (input) => unpackedChunk(input),
};

async function unpackedChunk(input: Uint8Array): Promise<Outcome> {
  const form = formOf(input);
  const bytes = input.subarray(1);
  // A reader has read the whole head before it looks at it.
  if (form === undefined || bytes.length < manifests.chunkHeadBytes) {
    return { kind: 'value', value: undefined };
  }
  const where = { file: 'state', offset: 0 };
  try {
    const storedBytes = form.storedBytesIn(bytes, 0, where);
    form.check(bytes, 0, where);
    if (storedBytes !== bytes.length - manifests.chunkHeadBytes) {
      throw new Finding('a chunk passes whose head says another length');
    }
    const content = await form.unpack(bytes, 0, where);
    if (content.length !== form.contentBytesOf(0)) {
      throw new Finding(`the content of a chunk has ${content.length} bytes`);
    }
    return { kind: 'value', value: content };
  } catch (error) {
    return refusal(error, documented);
  }
}

/** The head of a frame of an export: type, length, sequence, checksum. */
const frameHeadBytes = 13;

function frameOf(type: number, sequence: number, payload: Uint8Array): Uint8Array {
  const frame = joined(new Uint8Array(frameHeadBytes), payload);
  const view = new DataView(frame.buffer);
  view.setUint8(0, type);
  view.setUint32(1, payload.length);
  view.setUint32(5, sequence);
  view.setUint32(9, crc32(payload, crc32(frame.subarray(0, 9))));
  return frame;
}

function sealExport(input: Uint8Array): Uint8Array {
  const sealed = Uint8Array.from(input);
  const view = new DataView(sealed.buffer);
  let sequence = 0;
  for (let at = 0; at + frameHeadBytes <= sealed.length; sequence += 1) {
    const end = at + frameHeadBytes + view.getUint32(at + 1);
    if (end > sealed.length) break;
    sealed.set(frameOf(view.getUint8(at), sequence, sealed.subarray(at + frameHeadBytes, end)), at);
    at = end;
  }
  return sealed;
}

const exportSample = joined(
  ...[
    {
      type: 1,
      payload: bytesOf('{"version":1,"clusterId":"7","index":5,"term":2,"snapshotId":"a"}'),
    },
    { type: 2, payload: bytesOf('node.json') },
    { type: 3, payload: bytesOf('{"version":1}') },
    { type: 2, payload: bytesOf('state') },
    { type: 3, payload: bytesOf('content') },
    { type: 3, payload: bytesOf('more') },
    { type: 4, payload: new Uint8Array(0) },
  ].map(({ type, payload }, sequence) => frameOf(type, sequence, payload)),
);

const exported: Decoder = {
  name: 'raft/ExportReader',
  form: 'bytes',
  samples: [exportSample],
  seal: sealExport,
  run: (input) => readExport(input),
};

async function* inPieces(input: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  const half = Math.floor(input.length / 2);
  yield input.subarray(0, half);
  yield input.subarray(half);
}

async function readExport(input: Uint8Array): Promise<Outcome> {
  const reader = new exportedSnapshot.ExportReader(inPieces(input));
  const files: [string, number][] = [];
  try {
    const header = await reader.header();
    checkId('the id of an exported cluster', header.clusterId);
    if (header.index < 0 || header.term < 0) throw new Finding('an index or a term is below 0');
    const writer = {
      async writeFile(name: string, content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
        let bytes = 0;
        for await (const piece of content) bytes += piece.length;
        files.push([name, bytes]);
      },
      async linkFile() {
        throw new Finding('an export links a file');
      },
    };
    await reader.copyTo(writer, 'node.json', (bytes) => bytes);
    return { kind: 'value', value: [header, files] };
  } catch (error) {
    return refusal(error, ['RAFT_STATE_UNREADABLE']);
  } finally {
    await reader.close();
  }
}

export const snapshots: Target = {
  name: 'snapshots',
  description: 'manifests, metadata files, chunks and exports of snapshots',
  decoders: [manifest, metadataFile, chunk, exported],
};
