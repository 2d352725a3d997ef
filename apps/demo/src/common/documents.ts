/**
 * Finds the documents that are logged. Symbolic links are never followed: what a link below the
 * folder points to is met by itself if it lies below the folder too, as in pnpm's `node_modules`,
 * and is none of the folder's documents if it does not. So no file is taken twice and no loop is
 * walked. What is left out is counted, with the reason.
 */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, lstat, open, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';

/** There is nothing to take. */
export class NoDocumentsError extends Error {
  override readonly name = 'NoDocumentsError';
}

/** Larger documents become several entries. */
export const chunkBytesMax: number = 1024 * 1024;

export interface SearchLimits {
  /** Of all documents together. */
  readonly bytesMax: number;
  readonly filesMax: number;
}

export interface Document {
  /** Below the folder, with `/` between names. */
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
  /** Files and folders that this user may not read, or that went away meanwhile. */
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

/** What the demo takes from `node_modules` unless told otherwise. */
export function isPackageDocument(name: string): boolean {
  return documentPattern.test(name);
}

/** The regular files below `folder` whose name `wanted` accepts, in the order of their paths. */
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

/** One piece per entry: each document in order, cut where it is larger than an entry should be. */
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

/** The bytes of a piece. Rejects when the file became shorter since it was found. */
export async function readPiece(root: string, { path, offset, bytes }: Piece): Promise<Uint8Array> {
  const file = await open(join(root, path), 'r');
  try {
    const content = new Uint8Array(bytes);
    let filled = 0;
    while (filled < bytes) {
      const { bytesRead } = await file.read(content, filled, bytes - filled, offset + filled);
      if (bytesRead === 0) throw new Error(`${path} became shorter while it was logged`);
      filled += bytesRead;
    }
    return content;
  } finally {
    await file.close();
  }
}

export const sha256Of = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex');
