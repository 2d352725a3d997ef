/**
 * Builds a table in LevelDB's format (doc/table_format.md in its sources) with blocks of any size.
 */
import { crc32cByTable } from '@babuza/wal-core/backend';

interface BlockHandle {
  readonly offset: number;
  readonly bytes: number;
}

export interface MadeTable {
  readonly file: Uint8Array;
  /** The given blocks, the filter, and the two blocks that name others. */
  readonly blocks: readonly BlockHandle[];
  readonly filter: BlockHandle;
}

/** Builds a table with blocks of these sizes and a filter of 20 bytes. */
export function madeTable(blockBytes: readonly number[]): MadeTable {
  const parts: number[] = [];
  const append = (content: readonly number[]): BlockHandle => {
    const offset = parts.length;
    const block = Uint8Array.of(...content, 0);
    const crc = crc32cByTable(0, block, 0, block.length);
    const masked = (((crc >>> 15) | (crc << 17)) + 0xa282_ead8) >>> 0;
    parts.push(...block, ...littleEndian(masked));
    return { offset, bytes: content.length };
  };
  const blocks = blockBytes.map((bytes, at) =>
    append(Array.from({ length: bytes }, (_, position) => (position * 7 + at) & 0xff)),
  );
  const filter = append(Array.from({ length: 20 }, (_, at) => at));
  const metaindex = append(blockOfHandles([filter]));
  const index = append(blockOfHandles(blocks));
  const footer = [metaindex, index].flatMap(handleBytes);
  const padding = Array.from({ length: 40 - footer.length }, () => 0);
  parts.push(...footer, ...padding, 0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb);
  return { file: Uint8Array.from(parts), blocks: [...blocks, filter, metaindex, index], filter };
}

/** A block of entries with keys of one byte, and with one restart point. */
function blockOfHandles(handles: readonly BlockHandle[]): number[] {
  const entries = handles.flatMap((handle, at) => {
    const value = handleBytes(handle);
    return [0, 1, value.length, at & 0xff, ...value];
  });
  return [...entries, ...littleEndian(0), ...littleEndian(1)];
}

function handleBytes({ offset, bytes }: BlockHandle): number[] {
  return [...varint(offset), ...varint(bytes)];
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

function littleEndian(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
}
