/** The sizes in etcd's format. `README.md` in this folder has pictures of them. */

/** The nominal size of a segment in bytes: 64 million, not 64 MiB. A segment may become longer. */
export const segmentBytesDefault: number = 64 * 1000 * 1000;

/** Bytes of the length field in front of each record. Frames start at multiples of it. */
export const lengthFieldBytes = 8;

/** Bytes that a disk writes atomically. A torn write loses whole sectors. */
export const sectorBytes = 512;

/** etcd writes its buffer in whole pages of this many bytes. */
export const pageBytes = 4096;

/** etcd buffers up to this many bytes before it writes. */
export const writeBufferBytes: number = 128 * 1024;

/**
 * etcd 3.4 writes records of this size or more, padding included, but cannot read them. So they are
 * not written here unless an option allows it.
 */
export const recordBytesLimit34: number = 10 * 1024 * 1024;

/**
 * At most this many bytes are written between two syncs, so that a recovery knows how much a failed
 * sync can have lost. A larger save is written in several pieces; one write would not make it
 * atomic, because this format does not mark the end of a batch.
 */
export const bytesBetweenSyncsMax: number = 4 * 1024 * 1024;

/**
 * The most bytes that a record adds to the encoding of an entry: tags, type, checksum, data length.
 */
export const recordOverheadBytes: number = 2 + 6 + 6;

/**
 * The largest encoding of an entry without its payload: three numbers of up to 10 bytes and a
 * length, with their tags.
 */
export const entryHeadBytesMax = 40;

/** The types of records (etcd: `server/storage/wal/walpb`). */
export const RecordType = {
  Metadata: 1,
  Entry: 2,
  State: 3,
  Crc: 4,
  Snapshot: 5,
} as const;
