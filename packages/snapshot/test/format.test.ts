/**
 * The bytes: golden files, which are added and never changed, every cut and bit flip of them, and
 * random bytes.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { deflateRawSync } from 'node:zlib';
import * as fc from 'fast-check';
import { SeededRandom } from '@babuza/testkit';
import { describe, expect, it } from 'vitest';
import { SnapshotError, VolatileSnapshotManager } from '../src/index.ts';
import { seal } from '../src/format/byte-reader.ts';
import { chunkSalt, writeHead } from '../src/format/chunk.ts';
import {
  decodeManifest,
  encodeManifest,
  manifestBytesMax,
  type SnapshotManifest,
} from '../src/format/manifest.ts';
import { decodeMetadataFile, encodeMetadataFile } from '../src/format/metadata-file.ts';
import { snapshotIdOf } from '../src/format/snapshot-id.ts';
import { asStream, bytesOf, fails, metadataOf } from './support.ts';

const golden = (name: string): Uint8Array => {
  const text = readFileSync(new URL(`golden/${name}.hex`, import.meta.url), 'utf8');
  return new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
};

const sha256 = (bytes: Uint8Array): Uint8Array =>
  new Uint8Array(createHash('sha256').update(bytes).digest());

const files = [
  { name: 'empty', contentBytes: 0, storedBytes: 0, sha256: sha256(new Uint8Array()) },
  { name: 'state', contentBytes: 600, storedBytes: 300, sha256: sha256(bytesOf(600)) },
] as const;
const manifest: SnapshotManifest = {
  id: snapshotIdOf(7n, metadataOf(10, 2), files),
  codec: 'deflate',
  chunkBytes: 512,
  files,
};
const contents = {
  groupId: 7n,
  metadata: metadataOf(10, 2),
  manifest,
  manifestBytes: encodeManifest(manifest),
  locations: [{ number: 2 }, { number: 1, outside: '/data/täble' }],
};

/** The result of a decoder: a value or an error of this package. Any other error fails the test. */
function attempt<Value>(decode: () => Value): Value | SnapshotError {
  try {
    return decode();
  } catch (error) {
    if (error instanceof SnapshotError) return error;
    throw error;
  }
}

describe('the manifest', () => {
  it('is the golden bytes', () => {
    expect(Buffer.from(encodeManifest(manifest)).toString('hex')).toBe(
      Buffer.from(golden('manifest-1')).toString('hex'),
    );
    expect(decodeManifest(golden('manifest-1'))).toEqual(manifest);
  });

  it('is refused when a bit is flipped or it is cut', () => {
    const bytes = golden('manifest-1');
    for (let bit = 0; bit < 8 * bytes.length; bit += 1) {
      const damaged = bytes.slice();
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(attempt(() => decodeManifest(damaged))).toMatchObject({ code: 'SNAPSHOT_CORRUPT' });
      const cut = bytes.subarray(0, bit >> 3);
      expect(attempt(() => decodeManifest(cut))).toMatchObject({ code: 'SNAPSHOT_CORRUPT' });
    }
    const longer = Buffer.concat([bytes, new Uint8Array(1)]);
    expect(attempt(() => decodeManifest(longer))).toBeInstanceOf(SnapshotError);
    const huge = new Uint8Array(manifestBytesMax + 1);
    expect(attempt(() => decodeManifest(huge))).toMatchObject({
      code: 'SNAPSHOT_CORRUPT',
      details: { offset: 0, expected: `at most ${manifestBytesMax} bytes`, got: huge.length },
    });
  });

  it('of a newer release is reported as such', () => {
    const bytes = golden('manifest-1');
    bytes[11] = 2;
    expect(attempt(() => decodeManifest(seal(bytes)))).toMatchObject({ code: 'SNAPSHOT_VERSION' });
  });

  it('is accepted only in its canonical form, even with a valid checksum', () => {
    let believed = 0;
    const bytes = golden('manifest-1');
    const changes = fc.array(fc.tuple(fc.nat({ max: bytes.length - 5 }), fc.nat({ max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(changes, fc.nat({ max: 3 }), (list, cut) => {
        const changed = bytes.slice(0, bytes.length - (cut === 3 ? 40 : 0));
        for (const [at, value] of list) changed[at] = value;
        const decoded = attempt(() => decodeManifest(seal(changed)));
        if (decoded instanceof SnapshotError) return;
        believed += 1;
        expect(encodeManifest(decoded)).toEqual(changed);
      }),
      { numRuns: 3000 },
    );
    expect(believed).toBeGreaterThan(100);
  });

  it('is not decoded from random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(attempt(() => decodeManifest(bytes))).toMatchObject({ code: 'SNAPSHOT_CORRUPT' });
      }),
    );
  });

  it('is refused if its values are impossible', () => {
    const wrong: Partial<SnapshotManifest>[] = [
      { chunkBytes: 511 },
      { chunkBytes: 2 ** 20 + 1 },
      { files: [...files].reverse() },
      { files: [files[0], files[0]] },
      { codec: 'none' },
      ...['', 'a/b', 'x'.repeat(65)].map((name) => ({ files: [{ ...files[0], name }] })),
      ...[0, 17, 617, 2 ** 53].map((storedBytes) => ({ files: [{ ...files[1], storedBytes }] })),
      { files: ['a', 'b'].map((name) => ({ ...files[1], name, ...plain(2 ** 53 - 2 ** 50) })) },
    ];
    for (const change of wrong) {
      const bytes = encodeManifest({ ...manifest, ...change });
      expect(attempt(() => decodeManifest(bytes))).toMatchObject({ code: 'SNAPSHOT_CORRUPT' });
    }
  });
});

function plain(contentBytes: number): { contentBytes: number; storedBytes: number } {
  return { contentBytes, storedBytes: contentBytes + 8 * Math.ceil(contentBytes / 512) };
}

describe('the metadata file', () => {
  it('is the golden bytes', () => {
    expect(Buffer.from(encodeMetadataFile(contents)).toString('hex')).toBe(
      Buffer.from(golden('metadata-1')).toString('hex'),
    );
    expect(decodeMetadataFile(golden('metadata-1'), 7n, 'f')).toEqual(contents);
  });

  it('belongs to one group', () => {
    const decoded = attempt(() => decodeMetadataFile(golden('metadata-1'), 8n, 'f'));
    expect(decoded).toMatchObject({ code: 'SNAPSHOT_CORRUPT' });
  });

  it('decodes to the same content even with changed bytes and a valid checksum', () => {
    const bytes = golden('metadata-1');
    let believed = 0;
    const random = new SeededRandom(5);
    for (let round = 0; round < 4000; round += 1) {
      const changed = bytes.slice();
      changed[random.below(bytes.length - 4)] = random.uint32();
      const decoded = attempt(() => decodeMetadataFile(seal(changed), 7n, 'f'));
      if (decoded instanceof SnapshotError) continue;
      believed += 1;
      // Protobuf encodes the same message in more than one form, so the decoded values are
      // compared.
      const again = decodeMetadataFile(encodeMetadataFile(decoded), 7n, 'f');
      expect(again).toEqual(decoded);
      expect(again.manifest.id).toBe(manifest.id);
    }
    // Locations may have any value. The id covers everything else.
    expect(believed).toBeGreaterThan(50);
    expect(believed).toBeLessThan(400);
  });
});

describe('a chunk', () => {
  it('is the golden bytes', () => {
    const stored = bytesOf(20);
    const form = {
      codec: 'none',
      chunkBytes: 512,
      salt: chunkSalt(metadataOf(10, 2), 'state'),
    } as const;
    const chunk = new Uint8Array(28);
    chunk.set(stored, 8);
    writeHead(chunk, 0, form, 3, 20, stored);
    expect(Buffer.from(chunk).toString('hex')).toBe(Buffer.from(golden('chunk-1')).toString('hex'));
  });
});

/** A forged snapshot of one file. All of its checksums are valid. */
function forged(
  content: { readonly claimed: number; readonly sha256: Uint8Array },
  stored: Uint8Array,
): { readonly manifest: Uint8Array; readonly stream: Uint8Array } {
  const metadata = metadataOf(10);
  const storedBytes = stored.length + 8;
  const entry = {
    name: 'state',
    contentBytes: content.claimed,
    storedBytes: Math.max(storedBytes, 9 * Math.ceil(content.claimed / 512)),
    sha256: content.sha256,
  };
  const id = snapshotIdOf(7n, metadata, [entry]);
  const form = { codec: 'deflate', chunkBytes: 512, salt: chunkSalt(metadata, 'state') } as const;
  const stream = new Uint8Array(storedBytes);
  stream.set(stored, 8);
  writeHead(stream, 0, form, 0, Math.min(content.claimed, 512), stored);
  return { manifest: encodeManifest({ ...form, id, files: [entry] }), stream };
}

describe('receive', () => {
  async function refuses(made: ReturnType<typeof forged>): Promise<string> {
    const manager = new VolatileSnapshotManager();
    await manager.open(7n);
    const receiving = manager.receive(metadataOf(10), made.manifest, asStream([made.stream]));
    const error = await fails('SNAPSHOT_CORRUPT', receiving);
    expect(manager.list()).toEqual([]);
    await manager.close();
    return error.message;
  }

  it('decompresses a chunk up to its size and not further', async () => {
    const bomb = new Uint8Array(deflateRawSync(new Uint8Array(1024 * 1024)));
    const small = bomb.subarray(0, 400);
    const claimed = { claimed: 512, sha256: sha256(new Uint8Array(512)) };
    expect(await refuses(forged(claimed, small))).toContain('cannot be decompressed');
    const short = new Uint8Array(deflateRawSync(new Uint8Array(100)));
    expect(await refuses(forged(claimed, short))).toContain('too short');
    expect(await refuses(forged(claimed, bytesOf(99)))).toContain('cannot be decompressed');
  });

  it('compares the whole content', async () => {
    const stored = bytesOf(512);
    const claimed = { claimed: 512, sha256: sha256(bytesOf(512, 2)) };
    expect(await refuses(forged(claimed, stored))).toContain('hash of file');
  });

  it('allocates nothing for a size before the bytes arrive', async () => {
    const claimed = { claimed: 2 ** 46, sha256: sha256(new Uint8Array()) };
    expect(await refuses(forged(claimed, bytesOf(512)))).toContain('too early');
  });
});
