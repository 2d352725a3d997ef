import type { FrameReader } from '../../src/messages/frame-reader.ts';

/** All payloads that are complete when the reader has this chunk. */
export function payloadsAfter(reader: FrameReader, chunk: Buffer): Buffer[] {
  reader.add(chunk);
  const payloads: Buffer[] = [];
  for (let next = reader.next(); next !== undefined; next = reader.next()) payloads.push(next);
  return payloads;
}
