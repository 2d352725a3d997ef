/** The bounds of the formats and the options: at each bound, one below and one above. */
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decodeManifest, SnapshotError, VolatileSnapshotManager } from '../src/index.ts';
import { ByteReader, seal } from '../src/format/byte-reader.ts';
import { FileChunks, pack } from '../src/format/chunk.ts';
import {
  checkManifestLimits,
  encodeManifest,
  filesMax,
  type ManifestFile,
  type SnapshotManifest,
} from '../src/format/manifest.ts';
import {
  checkedMetadata,
  decodeMetadataFile,
  encodeMetadataFile,
  outsidePathBytesMax,
  type FileLocation,
} from '../src/format/metadata-file.ts';
import { snapshotIdOf } from '../src/format/snapshot-id.ts';
import { checkedForm } from '../src/options.ts';
import { bytesOf, chunkBytes, make, metadataOf } from './support.ts';

const metadata = metadataOf(10, 2);

function fileNamed(name: string): ManifestFile {
  return { name, contentBytes: 600, storedBytes: 616, sha256: bytesOf(32) };
}

function manifestOf(files: readonly ManifestFile[]): SnapshotManifest {
  return { id: snapshotIdOf(7n, metadata, files), codec: 'none', chunkBytes, files };
}

function metadataFile(
  locations: readonly FileLocation[],
  manifest = manifestOf(['a', 'b'].map(fileNamed)),
): Uint8Array {
  const manifestBytes = encodeManifest(manifest);
  return encodeMetadataFile({ groupId: 7n, metadata, manifest, manifestBytes, locations });
}

/** The same bytes with one more before the checksum, and a valid checksum. */
function withOneMore(bytes: Uint8Array): Uint8Array {
  const longer = new Uint8Array(bytes.length + 1);
  longer.set(bytes.subarray(0, -4));
  return seal(longer);
}

/** The message of the error that reports the damage. */
function damageIn(decode: () => unknown): string {
  try {
    decode();
  } catch (error) {
    if (error instanceof SnapshotError && error.code === 'SNAPSHOT_CORRUPT') return error.message;
    throw error;
  }
  throw new Error('the damaged bytes were accepted');
}

describe('a manifest', () => {
  it('has 0 to 4096 files', () => {
    const names = Array.from({ length: filesMax + 1 }, (_, at) => String(at).padStart(4, '0'));
    const files = names.map(fileNamed);
    for (const count of [0, 1, filesMax]) {
      const bytes = encodeManifest(manifestOf(files.slice(0, count)));
      expect(decodeManifest(bytes).files).toHaveLength(count);
      expect(() => checkManifestLimits(count)).not.toThrow();
    }
    const tooMany = encodeManifest(manifestOf(files));
    expect(damageIn(() => decodeManifest(tooMany))).toContain('it has 4097 files, at most 4096');
    expect(() => checkManifestLimits(filesMax + 1)).toThrow(
      expect.objectContaining({
        code: 'SNAPSHOT_INVALID',
        message: expect.stringContaining('4096'),
      }),
    );
  });

  it('is refused with bytes after its last file', () => {
    const bytes = withOneMore(encodeManifest(manifestOf([fileNamed('a')])));
    expect(damageIn(() => decodeManifest(bytes))).toContain('bytes after the end');
  });

  it('is refused if its codec is unknown', () => {
    const bytes = encodeManifest(manifestOf([fileNamed('a')]));
    bytes[12] = 2;
    expect(damageIn(() => decodeManifest(seal(bytes)))).toContain('the codec is unknown');
  });

  it('is refused if its checksum differs', () => {
    const bytes = encodeManifest(manifestOf([fileNamed('a')]));
    expect(decodeManifest(bytes)).toEqual(manifestOf([fileNamed('a')]));
    bytes[bytes.length - 10] = (bytes[bytes.length - 10] ?? 0) ^ 1;
    const message = damageIn(() => decodeManifest(bytes, 'the manifest'));
    expect(message).toContain(`the manifest at byte ${bytes.length - 4}: the checksum differs`);
  });

  it('has chunks of 512 bytes to 1 MiB', () => {
    const sized = (size: number): Uint8Array =>
      encodeManifest({ ...manifestOf([]), chunkBytes: size });
    for (const size of [512, 2 ** 20]) expect(decodeManifest(sized(size)).chunkBytes).toBe(size);
    for (const size of [511, 2 ** 20 + 1]) {
      expect(damageIn(() => decodeManifest(sized(size)))).toContain(
        `the chunk size ${size} is not from`,
      );
    }
  });

  it('has stored sizes that its codec can produce', () => {
    const stored = (codec: 'none' | 'deflate', storedBytes: number): Uint8Array =>
      encodeManifest({ ...manifestOf([{ ...fileNamed('a'), storedBytes }]), codec });
    for (const [codec, bytes] of [
      ['none', 616],
      ['deflate', 18],
      ['deflate', 616],
    ] as const) {
      expect(decodeManifest(stored(codec, bytes)).files[0]?.storedBytes).toBe(bytes);
    }
    for (const [codec, bytes] of [
      ['none', 615],
      ['none', 617],
      ['deflate', 17],
      ['deflate', 617],
    ] as const) {
      const message = damageIn(() => decodeManifest(stored(codec, bytes)));
      expect(message).toContain(`600 bytes cannot be stored as ${bytes}`);
    }
  });
});

describe('a metadata file', () => {
  it('has paths of up to 4096 bytes, which are read unchanged', () => {
    const longest = `/${'x'.repeat(outsidePathBytesMax - 1)}`;
    const locations = [{ number: 2, outside: longest }, { number: 1 }];
    expect(decodeMetadataFile(metadataFile(locations), 7n, 'f').locations).toEqual(locations);
    const tooLong = metadataFile([{ number: 2, outside: `${longest}x` }, { number: 1 }]);
    expect(damageIn(() => decodeMetadataFile(tooLong, 7n, 'f'))).toContain('a path has 4097 bytes');
  });

  it('gives each file a number of its own', () => {
    const twice = metadataFile([{ number: 3 }, { number: 3 }]);
    const message = damageIn(() => decodeMetadataFile(twice, 7n, 'f'));
    expect(message).toContain('two files have the number 3');
  });

  it('has exactly one location for each file', () => {
    for (const locations of [[{ number: 1 }], [1, 2, 3].map((number) => ({ number }))]) {
      const message = damageIn(() => decodeMetadataFile(metadataFile(locations), 7n, 'f'));
      expect(message).toContain(`it has ${locations.length} locations for`);
    }
  });

  it('names its group', () => {
    const bytes = metadataFile([{ number: 1 }, { number: 2 }]);
    expect(decodeMetadataFile(bytes, 7n, 'f').groupId).toBe(7n);
    expect(damageIn(() => decodeMetadataFile(bytes, 8n, 'f'))).toContain('expected group 8');
  });

  it('is refused if its id belongs to another content, or bytes follow its end', () => {
    const manifest = { ...manifestOf(['a', 'b'].map(fileNamed)), id: 'ab'.repeat(32) };
    const other = metadataFile([{ number: 1 }, { number: 2 }], manifest);
    const message = damageIn(() => decodeMetadataFile(other, 7n, 'f'));
    expect(message).toContain('the id does not fit the content');
    const longer = withOneMore(metadataFile([{ number: 1 }, { number: 2 }]));
    expect(damageIn(() => decodeMetadataFile(longer, 7n, 'f'))).toContain('bytes after the end');
  });

  it('has metadata with an index of at least 1', () => {
    expect(checkedMetadata(metadataOf(1))).toEqual(metadataOf(1));
    for (const index of [0, -1]) {
      expect(() => checkedMetadata(metadataOf(index))).toThrow(
        expect.objectContaining({
          code: 'SNAPSHOT_INVALID',
          message: `the index of a snapshot is at least 1, got ${index}`,
        }),
      );
    }
    expect(() => checkedMetadata(metadataOf(2 ** 53))).toThrow(
      expect.objectContaining({
        code: 'SNAPSHOT_INVALID',
        message: expect.stringContaining('the metadata is not valid'),
        cause: expect.any(Error),
      }),
    );
  });
});

describe('fields', () => {
  it('end where the bytes end', () => {
    const reader = new ByteReader(bytesOf(5), 'f');
    expect(reader.bytes(4)).toEqual(bytesOf(5).subarray(0, 4));
    expect(damageIn(() => reader.u16())).toContain('f at byte 4: the bytes end too early');
    expect(damageIn(() => reader.end())).toContain('f at byte 4: there are bytes after the end');
    reader.u8();
    reader.end();
    expect(damageIn(() => reader.bytes(1))).toContain('the bytes end too early');
  });
});

describe('chunks', () => {
  it('that do not get smaller are stored uncompressed, even if their length stays the same', async () => {
    const level = 6;
    let equal: Uint8Array | undefined;
    for (let zeros = 0; zeros < 64 && equal === undefined; zeros += 1) {
      const content = Buffer.concat([bytesOf(200), new Uint8Array(zeros)]);
      if (deflateRawSync(content, { level }).length === content.length) equal = content;
    }
    if (equal === undefined) throw new Error('no content keeps its length');
    expect(await pack('deflate', equal, level)).toBe(equal);
    const larger = bytesOf(200);
    expect(await pack('deflate', larger, level)).toBe(larger);
    const smaller = new Uint8Array(200);
    expect((await pack('deflate', smaller, level)).length).toBeLessThan(200);
    expect(await pack('none', smaller, level)).toBe(smaller);
  });

  it('have the length that their codec allows', () => {
    const wanted = (codec: 'none' | 'deflate', stored: number, number: number): number => {
      const chunks = new FileChunks(metadata, { ...manifestOf([]), codec }, fileNamed('a'));
      const head = new Uint8Array(8);
      new DataView(head.buffer).setUint32(0, stored);
      return chunks.storedBytesIn(head, number, { file: 'f', offset: 0 });
    };
    for (const [codec, stored, number] of [
      ['none', 512, 0],
      ['none', 88, 1],
      ['deflate', 1, 0],
      ['deflate', 512, 0],
      ['deflate', 88, 1],
    ] as const) {
      expect(wanted(codec, stored, number)).toBe(stored);
    }
    for (const [codec, stored, number] of [
      ['none', 511, 0],
      ['none', 513, 0],
      ['none', 87, 1],
      ['none', 0, 0],
      ['deflate', 0, 0],
      ['deflate', 513, 0],
      ['deflate', 89, 1],
      ['deflate', 1, 2],
    ] as const) {
      const message = damageIn(() => wanted(codec, stored, number));
      expect(message).toContain('the chunk has an impossible length');
    }
  });
});

describe('the options', () => {
  it('have the documented defaults', async () => {
    expect(checkedForm()).toEqual({
      codec: 'none',
      level: 6,
      chunkBytes: 262_144,
      snapshotBytesMax: Infinity,
      freeDiskBytesMin: 64 * 1024 * 1024,
    });
    const manager = new VolatileSnapshotManager();
    await manager.open(1n);
    const { manifest } = await make(manager, 10);
    expect(decodeManifest(manifest)).toMatchObject({ codec: 'none', chunkBytes: 262_144 });
    await manager.close();
  });

  it('are accepted at their bounds, and refused beyond them with the name and the value', () => {
    for (const options of [
      { chunkBytes: 512 },
      { chunkBytes: 2 ** 20 },
      { compressionLevel: 1 },
      { compressionLevel: 9 },
      { compression: 'deflate' as const },
    ]) {
      expect(checkedForm(options)).toMatchObject(
        'chunkBytes' in options
          ? options
          : 'compression' in options
            ? { codec: 'deflate' }
            : { level: options.compressionLevel },
      );
    }
    for (const [options, message] of [
      [{ chunkBytes: 511 }, 'chunkBytes must be an integer from 512 to 1048576, got 511'],
      [{ chunkBytes: 2 ** 20 + 1 }, 'chunkBytes must be an integer from 512 to 1048576'],
      [{ chunkBytes: 600.5 }, 'got 600.5'],
      [{ compressionLevel: 0 }, 'compressionLevel must be an integer from 1 to 9, got 0'],
      [{ compressionLevel: 10 }, 'compressionLevel must be an integer from 1 to 9, got 10'],
      [{ compression: 'lz' }, 'compression must be none or deflate, got lz'],
      [{ sync: false }, 'chunkBytes, snapshotBytesMax, freeDiskBytesMin, got sync'],
      [null, 'options must be an object, got null'],
      ['none', 'options must be an object, got none'],
    ] as const) {
      expect(() => checkedForm(JSON.parse(JSON.stringify(options)))).toThrow(
        expect.objectContaining({
          code: 'SNAPSHOT_INVALID',
          message: expect.stringContaining(message),
        }),
      );
    }
  });
});
