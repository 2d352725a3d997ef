/**
 * The second door, `@babuza/raftpb/wire`: the small tools that the codecs of this package are made
 * of, for packages that have protobuf messages of their own beside the Raft types. Sizes are
 * checked first, written afterwards; the reader takes hostile bytes. Errors are those of this
 * package.
 */
export { Reader } from './wire/reader.ts';
export {
  checkRoom,
  sizeOfBytes,
  sizeOfEmbedded,
  sizeOfId,
  sizeOfSafeInteger,
} from './wire/size.ts';
export { bytesTag, tagBytes, varintTag, WireType } from './wire/tags.ts';
export { writeBytes, writeEmbeddedHead, writeId, writeNumber } from './wire/write.ts';
