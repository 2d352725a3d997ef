/**
 * The entry point `@babuza/raftpb/wire`: the functions that the codecs of this package are built
 * from, for packages that have protobuf messages of their own. Sizes are checked first and written
 * afterwards. The reader accepts untrusted bytes. Errors are those of this package.
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
