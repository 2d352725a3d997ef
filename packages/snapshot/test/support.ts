/** Samples and helpers that many tests share. */
import { expect } from 'vitest';
import { emptyConfState, type SnapshotMetadata } from '@babuza/raftpb';
import type { SnapshotFiles, SnapshotManager, StoredSnapshot } from '@babuza/raft/ports';
import { SeededRandom } from '@babuza/testkit';
import type { SnapshotErrorCode } from '../src/index.ts';
import { SnapshotError } from '../src/index.ts';

export type Files = Readonly<Record<string, Uint8Array>>;

export const chunkBytes = 512;

export function metadataOf(index: number, term = 1): SnapshotMetadata {
  return { confState: { ...emptyConfState, voters: [1n, 2n, 3n] }, index, term };
}

/** Random bytes that depend only on the seed. */
export function bytesOf(length: number, seed = 1): Uint8Array {
  return new SeededRandom(seed).bytes(length);
}

/** Files with no, one and several chunks, and with sizes around a chunk. */
export function sampleFiles(seed: number): Files {
  return {
    state: bytesOf(2 * chunkBytes + 100, seed),
    empty: new Uint8Array(0),
    'one.chunk': bytesOf(chunkBytes, seed + 1),
    Zeros_: new Uint8Array(chunkBytes + 1),
  };
}

/** Cuts bytes into pieces whose size divides no chunk. */
export function* pieces(bytes: Uint8Array, size = 137): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

export async function* asStream(parts: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* parts;
}

export function writing(files: Files): (writer: SnapshotFiles) => Promise<void> {
  return async (writer) => {
    for (const [name, content] of Object.entries(files)) {
      await writer.writeFile(name, pieces(content));
    }
  };
}

export function make(
  manager: SnapshotManager,
  index: number,
  files: Files = sampleFiles(index),
): Promise<StoredSnapshot> {
  return manager.create(metadataOf(index), writing(files));
}

export async function joined(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return new Uint8Array(Buffer.concat(parts));
}

/** Reads all files of a snapshot. */
export async function filesOf(manager: SnapshotManager, index: number, term = 1): Promise<Files> {
  await using open = await manager.read({ index, term });
  const files: Record<string, Uint8Array> = {};
  for (const name of open.fileNames) files[name] = await joined(open.readFile(name));
  return files;
}

export function indexes(manager: SnapshotManager): number[] {
  return manager.list().map(({ metadata }) => metadata.index);
}

export async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  throw new Error('the call was expected to fail');
}

export async function fails(
  code: SnapshotErrorCode,
  work: Promise<unknown>,
): Promise<SnapshotError> {
  const error = await failureOf(work);
  if (!(error instanceof SnapshotError)) throw error;
  expect(error.code, error.message).toBe(code);
  return error;
}

/** A promise, and the function that resolves it. */
export function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open = (): void => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

/** Waits until the callbacks of the current turn of the event loop have run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
