/** Edits of the files of a native log, and checksums that are right after them. */
import { nativeChecksum, nativeFrame, nativeLayout, nativeName } from '../internals.ts';
import { itemAt, setField, type Edit, type Field, type LogFiles } from './edits.ts';

const { frameHeaderBytes, framesStart, headerPageBytes, trailerBytes } = nativeLayout;

/**
 * The fields of a frame as offset and length. The fields after the header belong to a commit body;
 * in other bodies they are arbitrary bytes.
 */
const frameFields: readonly Field[] = [
  [8, 4],
  [12, 4],
  [16, 4],
  [20, 2],
  [22, 1],
  [23, 1],
  [24, 4],
  [28, 2],
  [31, 1],
  [32, 4],
  [36, 4],
  [40, 4],
  [48, 8],
  [56, 8],
  [64, 8],
  [72, 8],
];

const headerFields: readonly Field[] = [
  [8, 4],
  [12, 4],
  [16, 8],
  [24, 8],
  [32, 8],
  [40, 8],
  [48, 8],
  [56, 4],
  [60, 4],
  [64, 8],
  [72, 8],
  [80, 8],
  [88, 4],
  [92, 4],
];

const trailerFields: readonly Field[] = [
  [4, 4],
  [8, 8],
  [16, 4],
  [20, 4],
  [24, 8],
  [32, 4],
  [36, 4],
  [40, 4],
  [44, 4],
];

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The offsets of the frames, as far as their lengths lead from one to the next. */
function framesOf(bytes: Uint8Array): number[] {
  const view = viewOf(bytes);
  const frames: number[] = [];
  for (let at = framesStart; at + frameHeaderBytes <= bytes.length;) {
    if (nativeFrame.isEmptySlot(view, at)) break;
    frames.push(at);
    at += nativeFrame.frameBytes(view.getUint32(at + 8, true));
  }
  return frames;
}

type FileEdit = (bytes: Uint8Array, edit: Edit) => Uint8Array;

function frameField(bytes: Uint8Array, { where, field, value }: Edit): Uint8Array {
  const frame = itemAt(framesOf(bytes), where);
  const chosen = itemAt(frameFields, field);
  if (frame !== undefined && chosen !== undefined) setField(bytes, frame, chosen, value);
  return bytes;
}

const fileEdits: readonly FileEdit[] = [
  frameField,
  frameField,
  function headerField(bytes, { where, field, value }) {
    const chosen = itemAt(headerFields, field);
    // The header is there twice: one of them, or both.
    for (const page of [0, headerPageBytes]) {
      const isMeant = where % 3 === 2 || (where % 3) * headerPageBytes === page;
      if (chosen !== undefined && isMeant) setField(bytes, page, chosen, value);
    }
    return bytes;
  },
  function trailerField(bytes, { field, value }) {
    const chosen = itemAt(trailerFields, field);
    if (chosen !== undefined) setField(bytes, bytes.length - trailerBytes, chosen, value);
    return bytes;
  },
  function footerWord(bytes, { where, value }) {
    setField(bytes, bytes.length - trailerBytes, [-4 * (1 + (where % 64)), 4], value);
    return bytes;
  },
  function rawByte(bytes, { where, more, value }) {
    setField(bytes, ((where << 2) + more) % Math.max(1, bytes.length), [0, 1], value);
    return bytes;
  },
  function cut(bytes, { where, more }) {
    const frame = itemAt(framesOf(bytes), where) ?? 0;
    return bytes.slice(0, Math.min(bytes.length, frame + (more % 600)));
  },
  function copyFrame(bytes, { where, more }) {
    const frames = framesOf(bytes);
    const [from, to] = [itemAt(frames, where), itemAt(frames, more)];
    if (from === undefined || to === undefined) return bytes;
    const length = nativeFrame.frameBytes(viewOf(bytes).getUint32(from + 8, true));
    return bytes.copyWithin(to, from, Math.min(from + length, bytes.length));
  },
  function zeroFrom(bytes, { where, more }) {
    const frame = itemAt(framesOf(bytes), where) ?? bytes.length;
    return bytes.fill(0, frame, more % 2 === 0 ? bytes.length : frame + (more % 4096));
  },
];

/** Kinds of edits that concern whole files come behind those of one file. */
export const nativeEditKinds: number = fileEdits.length + 3;

export function forgeNative(files: LogFiles, edits: readonly Edit[], isSealed: boolean): void {
  for (const edit of edits) {
    const names = [...files.keys()].filter((name) => nativeName.parseSegmentName(name));
    const name = itemAt(names, edit.file);
    const bytes = name === undefined ? undefined : files.get(name);
    if (name === undefined || bytes === undefined) return;
    const kind = edit.kind % nativeEditKinds;
    const fileEdit = fileEdits[kind];
    if (fileEdit !== undefined) files.set(name, fileEdit(bytes, edit));
    else if (kind === fileEdits.length) files.delete(name);
    else if (kind === fileEdits.length + 1) {
      const other = itemAt(names, edit.more) ?? name;
      files.set(name, files.get(other)?.slice() ?? bytes);
    } else {
      const salt = viewOf(bytes).getUint32(12, true);
      files.set(nativeName.segmentName(1 + (edit.where % 9), salt).fileName, bytes.slice());
    }
  }
  if (!isSealed) return;
  for (const [name, bytes] of files) {
    const parsed = nativeName.parseSegmentName(name);
    if (parsed !== undefined && bytes.length >= framesStart) sealSegment(bytes, parsed.salt);
  }
}

function sealSegment(bytes: Uint8Array, salt: number): void {
  const view = viewOf(bytes);
  for (const page of [0, headerPageBytes]) {
    const content = bytes.subarray(page, page + headerPageBytes - 4);
    view.setUint32(page + headerPageBytes - 4, nativeChecksum.checksum(content), true);
  }
  let batch = nativeFrame.emptyBatchChecksum;
  for (const at of framesOf(bytes)) {
    const bodyBytes = view.getUint32(at + 8, true);
    const seed = nativeChecksum.frameSeed(salt, at);
    view.setUint32(at + 4, headerCheck(view, at, seed), true);
    if (at + nativeFrame.frameBytes(bodyBytes) > bytes.length) break;
    const isCommit = view.getUint8(at + 23) === nativeFrame.FrameKind.Commit;
    if (isCommit && bodyBytes >= 8) view.setUint32(at + frameHeaderBytes + 4, batch, true);
    const sum = nativeFrame.frameChecksum(bytes, at, seed, bodyBytes);
    view.setUint32(at, sum, true);
    batch = isCommit
      ? nativeFrame.emptyBatchChecksum
      : nativeFrame.continueBatchChecksum(batch, sum);
  }
  sealTrailer(bytes, salt);
}

/** The checksum of a frame header: a mixing function over its words from byte 8 on. */
function headerCheck(view: DataView, at: number, seed: number): number {
  let hash = seed;
  for (let word = 8; word < frameHeaderBytes; word += 4) {
    hash = nativeChecksum.mix(hash, view.getUint32(at + word, true));
  }
  return nativeChecksum.finish(hash);
}

function sealTrailer(bytes: Uint8Array, salt: number): void {
  const view = viewOf(bytes);
  const at = bytes.length - trailerBytes;
  if (at < framesStart || bytes.subarray(at).every((byte) => byte === 0)) return;
  const footerStart = Number(view.getBigUint64(at + 24, true));
  const footerEnd = footerStart + view.getUint32(at + 32, true);
  if (footerEnd <= bytes.length) {
    const footer = bytes.subarray(footerStart, footerEnd);
    view.setUint32(at + 36, nativeChecksum.checksum(footer), true);
  }
  const seed = nativeChecksum.frameSeed(salt, at);
  view.setUint32(at, nativeChecksum.checksum(bytes.subarray(at + 4), seed), true);
}
