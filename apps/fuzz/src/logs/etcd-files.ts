/** Edits of the records of a log in etcd's format, whose chained checksums are right after them. */
import { bytesOf, fieldsOf } from '../forge/mutate-protobuf.ts';
import { etcdCrc, etcdFrame, etcdName, etcdRecord } from '../internals.ts';
import { itemAt, setField, values, type Edit, type LogFiles } from './edits.ts';

interface LogRecord {
  type: number;
  data: Uint8Array | undefined;
  crc: number;
}

const crcType = 4;
const lengthBytes = 8;

function recordsOf(bytes: Uint8Array): LogRecord[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = { recordBytes: 0, padding: 0 };
  const record = etcdRecord.newRecord();
  const records: LogRecord[] = [];
  for (let at = 0; at + lengthBytes <= bytes.length;) {
    if (!etcdFrame.readLengthField(view, at, length)) break;
    const start = at + lengthBytes;
    const end = start + length.recordBytes;
    if (end > bytes.length || !etcdRecord.parseRecord(bytes, start, end, record)) break;
    const data = record.hasData ? bytes.slice(record.dataStart, record.dataEnd) : undefined;
    records.push({ type: record.type, data, crc: record.crc });
    at = end + length.padding;
  }
  return records;
}

/**
 * The file with these records. With `previous`, the checksums continue this one; returns the last
 * one.
 */
function fileOf(
  records: readonly LogRecord[],
  fileBytes: number,
  previous: number | undefined,
): { bytes: Uint8Array; crc: number } {
  let crc = previous ?? 0;
  const frames = records.map(({ type, data, crc: own }) => {
    if (previous !== undefined && type !== crcType)
      crc = etcdCrc.crc32c(crc, data ?? new Uint8Array(0));
    const written = previous === undefined ? own : crc;
    const headBytes = etcdRecord.recordHeadBytes(type, written, data?.length);
    const recordBytes = headBytes + (data?.length ?? 0);
    const frame = new Uint8Array(etcdFrame.frameBytes(recordBytes));
    etcdFrame.writeLengthField(frame, 0, recordBytes);
    const end = etcdRecord.writeRecordHead(frame, lengthBytes, type, written, data?.length);
    if (data !== undefined) frame.set(data, end);
    return frame;
  });
  const content = Buffer.concat(frames);
  const bytes = new Uint8Array(Math.max(fileBytes, content.length));
  bytes.set(content);
  return { bytes, crc };
}

/** A number of the message in the data, or a byte of it. */
function changeData(record: LogRecord, { field, value, more }: Edit): void {
  if (record.data === undefined) return;
  const fields = fieldsOf(record.data) ?? [];
  const chosen = itemAt(fields, field);
  const at = chosen === undefined ? -1 : fields.indexOf(chosen);
  if (chosen === undefined || typeof chosen.value !== 'bigint') {
    setField(record.data, more % Math.max(1, record.data.length), [0, 1], value);
    return;
  }
  const table = values[value % values.length] ?? 0n;
  const delta = BigInt.asUintN(64, chosen.value + BigInt(value - 160));
  fields[at] = { tag: chosen.tag, value: value < 64 ? table : delta };
  record.data = bytesOf(fields);
}

type RecordEdit = (records: LogRecord[], at: number, edit: Edit) => void;

const recordEdits: readonly RecordEdit[] = [
  (records, at, edit) => {
    const record = records[at];
    if (record !== undefined) changeData(record, edit);
  },
  (records, at, edit) => {
    const record = records[at];
    if (record !== undefined) changeData(record, edit);
  },
  (records, at, { value }) => {
    const record = records[at];
    if (record !== undefined) record.type = value % 8;
  },
  (records, at) => void records.splice(at, 1),
  (records, at, { more }) => {
    const record = records[at];
    if (record !== undefined) records.splice(more % (records.length + 1), 0, { ...record });
  },
  (records, at) => void records.splice(at + 1, 0, ...records.splice(at, 1)),
  (records, at, { value }) => {
    const record = records[at];
    if (record !== undefined) record.data = value % 2 === 0 ? undefined : new Uint8Array(0);
  },
  (records, at, { more }) => {
    const record = records[at];
    if (record !== undefined) record.data = record.data?.slice(0, more % 64);
  },
];

type FileEdit = (bytes: Uint8Array, edit: Edit) => Uint8Array;

/** Made behind the checksums. */
const fileEdits: readonly FileEdit[] = [
  (bytes, { where, more, value }) => {
    setField(bytes, ((where << 2) + more) % Math.max(1, bytes.length), [0, 1], value);
    return bytes;
  },
  (bytes, { where, value }) => {
    setField(bytes, 8 * (where % 512), [0, 8], value);
    return bytes;
  },
  (bytes, { where, more }) => bytes.slice(0, ((where << 3) + (more % 8)) % (bytes.length + 1)),
];

const [removeKind, copyKind] = [
  recordEdits.length + fileEdits.length,
  recordEdits.length + fileEdits.length + 1,
];
export const etcdEditKinds: number = copyKind + 1;

export function forgeEtcd(files: LogFiles, edits: readonly Edit[], isSealed: boolean): void {
  const names = [...files.keys()].filter((name) => etcdName.parseSegmentName(name)).sort();
  const contents = new Map(
    names.map((name) => [name, recordsOf(files.get(name) ?? new Uint8Array(0))]),
  );
  for (const edit of edits) {
    const records = contents.get(itemAt(names, edit.file) ?? '') ?? [];
    const at = edit.where % Math.max(1, records.length);
    recordEdits[edit.kind % etcdEditKinds]?.(records, at, edit);
  }
  let previous = 0;
  for (const [name, records] of contents) {
    const fileBytes = files.get(name)?.length ?? 0;
    const { bytes, crc } = fileOf(records, fileBytes, isSealed ? previous : undefined);
    previous = crc;
    files.set(name, bytes);
  }
  for (const edit of edits) {
    const name = itemAt(names, edit.file);
    const bytes = name === undefined ? undefined : files.get(name);
    if (name === undefined || bytes === undefined) continue;
    const kind = edit.kind % etcdEditKinds;
    const fileEdit = fileEdits[kind - recordEdits.length];
    if (fileEdit !== undefined) files.set(name, fileEdit(bytes, edit));
    else if (kind === removeKind) files.delete(name);
    else if (kind === copyKind) {
      const other = etcdName.segmentName(BigInt(edit.where % 4), BigInt(edit.more % 64)).fileName;
      files.set(other, bytes.slice());
    }
  }
}
