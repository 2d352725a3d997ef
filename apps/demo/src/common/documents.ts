/**
 * Finds the documents that a story writes. Symbolic links are not followed: a link target below the
 * folder, as in pnpm's `node_modules`, is found at its own path, and a target outside does not
 * belong to the folder. So no file is read twice, and link loops do no harm. Everything that is
 * left out is counted by its reason.
 */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, lstat, open, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';

/** The folder has no document that the story could write. */
export class NoDocumentsError extends Error {
  override readonly name = 'NoDocumentsError';
}

/** Larger documents are split into several entries. */
export const chunkBytesMax: number = 1024 * 1024;

export interface SearchLimits {
  /** The total size of all documents. */
  readonly bytesMax: number;
  readonly filesMax: number;
}

export interface Document {
  /** The path relative to the folder, with `/` between names. */
  readonly path: string;
  readonly bytes: number;
}

export interface Findings {
  /** The folder, without symbolic links in its path. */
  readonly root: string;
  readonly documents: readonly Document[];
  readonly bytes: number;
  /** Documents that did not fit into the limits. */
  readonly overLimit: { readonly files: number; readonly bytes: number };
  /** Files and folders that this user cannot read, or that disappeared during the search. */
  readonly unreadable: number;
  readonly linksNotFollowed: number;
}

/** A part of a document that becomes one entry. */
export interface Piece {
  readonly path: string;
  readonly chunk: number;
  readonly chunks: number;
  readonly offset: number;
  readonly bytes: number;
}

const documentPattern = /(?:^package\.json|\.md|\.d\.ts|\.js)$/;

/** Whether a file of `node_modules` is a document when `--input` is not given. */
export function isPackageDocument(name: string): boolean {
  return documentPattern.test(name);
}

/** Returns the regular files below `folder` whose name `wanted` accepts, ordered by path. */
export async function findDocuments(
  folder: string,
  wanted: (name: string) => boolean,
  { bytesMax, filesMax }: SearchLimits,
): Promise<Findings> {
  const root = await realpath(folder);
  const documents: Document[] = [];
  const overLimit = { files: 0, bytes: 0 };
  let bytes = 0;
  let unreadable = 0;
  let linksNotFollowed = 0;
  const folders = [''];
  for (let path = folders.pop(); path !== undefined; path = folders.pop()) {
    const entries = await readdir(join(root, path), { withFileTypes: true }).catch(() => undefined);
    if (entries === undefined) {
      unreadable += 1;
      continue;
    }
    entries.sort((left, right) => (left.name < right.name ? -1 : 1));
    const below: string[] = [];
    for (const entry of entries) {
      const entryPath = path === '' ? entry.name : `${path}/${entry.name}`;
      if (entry.isSymbolicLink()) linksNotFollowed += 1;
      else if (entry.isDirectory()) below.push(entryPath);
      else if (entry.isFile() && wanted(entry.name)) {
        const size = await readableBytes(join(root, entryPath));
        if (size === undefined) {
          unreadable += 1;
        } else if (documents.length >= filesMax || bytes + size > bytesMax) {
          overLimit.files += 1;
          overLimit.bytes += size;
        } else {
          documents.push({ path: entryPath, bytes: size });
          bytes += size;
        }
      }
    }
    folders.push(...below.reverse());
  }
  return { root, documents, bytes, overLimit, unreadable, linksNotFollowed };
}

/** Splits each document, in order, into pieces of at most `bytesMax` bytes: one piece per entry. */
export function piecesOf(
  documents: readonly Document[],
  bytesMax: number = chunkBytesMax,
): Piece[] {
  return documents.flatMap(({ path, bytes }) => {
    const chunks = Math.max(1, Math.ceil(bytes / bytesMax));
    return Array.from({ length: chunks }, (_, chunk) => {
      const offset = chunk * bytesMax;
      return { path, chunk, chunks, offset, bytes: Math.min(bytesMax, bytes - offset) };
    });
  });
}

async function readableBytes(path: string): Promise<number | undefined> {
  try {
    await access(path, constants.R_OK);
    return (await lstat(path)).size;
  } catch {
    return undefined;
  }
}

/** Reads the bytes of a piece. Rejects when the file has become shorter since it was found. */
export async function readPiece(root: string, { path, offset, bytes }: Piece): Promise<Uint8Array> {
  const file = await open(join(root, path), 'r');
  try {
    const content = new Uint8Array(bytes);
    let filled = 0;
    while (filled < bytes) {
      const { bytesRead } = await file.read(content, filled, bytes - filled, offset + filled);
      if (bytesRead === 0) throw new Error(`${path} became shorter while the demo ran`);
      filled += bytesRead;
    }
    return content;
  } finally {
    await file.close();
  }
}

export const sha256Of = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex');
