/** The sizes of etcd's format. `README.md` in this folder has the pictures. */

/** The nominal size of a segment in bytes: 64 million, not 64 MiB. A segment may be longer. */
export const segmentBytesDefault: number = 64 * 1000 * 1000;

/** The length field in front of each record. Frames start at multiples of it. */
export const lengthFieldBytes = 8;

/** What a disk writes as a whole: a torn write loses whole ones. */
export const sectorBytes = 512;

/** etcd writes its buffer in whole pages of so many bytes ... */
export const pageBytes = 4096;

/** ... and holds so many back before it writes. */
export const writeBufferBytes: number = 128 * 1024;

/**
 * etcd 3.4 reads no record of this size or more, padding included, and yet writes it; so we do not,
 * unless told to.
 */
export const recordBytesLimit34: number = 10 * 1024 * 1024;

/**
 * No more is written between two syncs, so that a recovery knows how much a failed sync can have
 * lost. A save that is larger is no more atomic for being one write: this format has no borders of
 * batches.
 */
export const bytesBetweenSyncsMax: number = 4 * 1024 * 1024;

/** What a record adds to the encoding of an entry, at most: tags, type, checksum, data length. */
export const recordOverheadBytes: number = 2 + 6 + 6;

/**
 * An entry without its payload, at most: three numbers of up to 10 bytes and a length, with their
 * tags.
 */
export const entryHeadBytesMax = 40;

/** The types of records. */
export const RecordType = {
  Metadata: 1,
  Entry: 2,
  State: 3,
  Crc: 4,
  Snapshot: 5,
} as const;
