/**
 * `raftpb.Entry`: `08 type`, `10 term`, `18 index`, `22 length data`.
 *
 * Two forms are written, both are read. Newest etcd (3.7 on) writes the type only when it is not
 * normal; etcd up to 3.6 always writes it. They differ by two bytes, and nothing else.
 */

import { RaftpbEncodeError } from '../errors.ts';
import { EntryType, type Entry } from '../types.ts';
import { allocate } from '../wire/allocate.ts';
import { Reader } from '../wire/reader.ts';
import { checkRoom, sizeOfBytes, sizeOfSafeInteger } from '../wire/size.ts';
import { bytesTag, tagBytes, varintTag } from '../wire/tags.ts';
import { writeBytes, writeNumber } from '../wire/write.ts';

/**
 * Which fields of an entry are written: `newest` as etcd 3.7 and later does it, `all` as etcd up to
 * 3.6 does (every number, also zero).
 */
export type EntryForm = 'newest' | 'all';

const typeTag = varintTag(1);
const termTag = varintTag(2);
const indexTag = varintTag(3);
const dataTag = bytesTag(4);
const knownFieldMax = 4;

/**
 * The size of `encodeEntry(entry, form)` in bytes, exact, without allocating. This is the "encoding
 * size" that `maxBytes` limits count.
 *
 * @throws RaftpbEncodeError (`RAFTPB_ENCODE`) under the same conditions as `encodeEntry`.
 */
export function entryEncodedSize(entry: Entry, form: EntryForm = 'newest'): number {
  if (entry.type !== 0 && entry.type !== 1 && entry.type !== 2) {
    throw new RaftpbEncodeError('Entry.type', `expected 0, 1 or 2, got ${String(entry.type)}`);
  }
  let size = tagBytes + sizeOfSafeInteger(entry.term, 'Entry.term');
  size += tagBytes + sizeOfSafeInteger(entry.index, 'Entry.index');
  if (writesType(entry, form)) size += tagBytes + 1;
  if (entry.data !== undefined) size += tagBytes + sizeOfBytes(entry.data, 'Entry.data');
  return size;
}

/**
 * The entry in bytes of its own. Absent and empty data are kept apart (nothing, and `22 00`).
 *
 * @throws RaftpbEncodeError (`RAFTPB_ENCODE`) when index or term is not an integer from 0 to 2^53 -
 * 1, the type is unknown, or data is not a byte array.
 */
export function encodeEntry(entry: Entry, form: EntryForm = 'newest'): Uint8Array {
  const target = allocate(entryEncodedSize(entry, form));
  writeEntry(entry, target, 0, form);
  return target;
}

/**
 * Writes the entry into `target` from `offset` (bytes) on, and returns the offset behind it. The
 * payload is copied.
 *
 * @throws RaftpbEncodeError (`RAFTPB_ENCODE`) as `encodeEntry`, and when it does not fit; `target`
 * is then untouched.
 */
export function encodeEntryInto(
  entry: Entry,
  target: Uint8Array,
  offset: number,
  form: EntryForm = 'newest',
): number {
  checkRoom('Entry', entryEncodedSize(entry, form), target, offset);
  return writeEntry(entry, target, offset, form);
}

/**
 * Reads one entry that fills `bytes`. **`data` is a view into `bytes`, not a copy**: it shares, and
 * keeps alive, their whole buffer, and changes when they are overwritten. Copy it to keep it.
 * An entry without data has no property `data`. Absent numbers are 0.
 *
 * @throws RaftpbDecodeError (`RAFTPB_DECODE`) when the bytes are not an entry, index or term is
 * above 2^53 - 1, or the type is unknown (to treat it as a normal entry could apply it wrongly).
 */
export function decodeEntry(bytes: Uint8Array): Entry {
  return readEntry(new Reader(bytes));
}

/** Reads the entry that the reader is in; for messages that embed entries. */
export function readEntry(reader: Reader): Entry {
  let type: EntryType = EntryType.Normal;
  let term = 0;
  let index = 0;
  let data: Uint8Array | undefined;
  while (reader.hasMore()) {
    const tag = reader.tag('Entry');
    if (tag === typeTag) type = readType(reader);
    else if (tag === termTag) term = reader.safeInteger('Entry.term');
    else if (tag === indexTag) index = reader.safeInteger('Entry.index');
    else if (tag === dataTag) data = reader.bytes('Entry.data');
    else reader.skipUnknown(tag, knownFieldMax, 'Entry');
  }
  return data === undefined ? { index, term, type } : { index, term, type, data };
}

/** Writes what `entryEncodedSize` has checked; for messages that embed entries. */
export function writeEntry(
  entry: Entry,
  target: Uint8Array,
  offset: number,
  form: EntryForm,
): number {
  let end = offset;
  if (writesType(entry, form)) end = writeNumber(target, end, typeTag, entry.type);
  end = writeNumber(target, end, termTag, entry.term);
  end = writeNumber(target, end, indexTag, entry.index);
  if (entry.data !== undefined) end = writeBytes(target, end, dataTag, entry.data);
  return end;
}

function writesType(entry: Entry, form: EntryForm): boolean {
  return entry.type !== EntryType.Normal || form === 'all';
}

function readType(reader: Reader): EntryType {
  const type = reader.safeInteger('Entry.type');
  if (type === EntryType.Normal) return EntryType.Normal;
  if (type === EntryType.ConfChange) return EntryType.ConfChange;
  if (type === EntryType.ConfChangeV2) return EntryType.ConfChangeV2;
  return reader.fail('Entry.type', `${type} is not a type of entry`);
}
