import type { Mutant } from '../mutant.ts';

const bounds = 'raftpb/test/bounds.test.ts';
const hostile = 'raftpb/test/hostile.test.ts';
const golden = 'raftpb/test/golden.test.ts';
const numbers = 'raftpb/test/numbers.test.ts';

/** The codec of etcd raft. */
export const raftpb: readonly Mutant[] = [
  {
    name: 'an id above 2^53 loses its lowest bits',
    file: 'raftpb/src/wire/reader.ts',
    find: 'if (this.#high <= safeHighMax) return',
    replace: 'if (this.#high <= safeHighMax * 2) return',
    caughtBy: [bounds, 'around 2^53 keeps each'],
  },
  {
    name: 'a rejection with a number above 32 bits counts as none',
    file: 'raftpb/src/wire/reader.ts',
    find: '(this.#low | this.#high) !== 0',
    replace: 'this.#low !== 0',
    caughtBy: [bounds, 'is so where it is 2^32'],
  },
  {
    name: 'an unknown field reads on behind its message',
    file: 'raftpb/src/wire/reader.ts',
    find: 'count > this.#end - this.#position',
    replace: 'count > this.#bytes.length - this.#position',
    caughtBy: [bounds, 'an unknown field of four bytes'],
  },
  {
    name: 'the data of an entry reads on behind the entry',
    file: 'raftpb/src/wire/reader.ts',
    find: 'const left = this.#end - this.#position;',
    replace: 'const left = this.#bytes.length - this.#position;',
    caughtBy: [bounds, 'data of two bytes in an entry of two'],
  },
  {
    name: 'a message that is one byte too long for a slab cannot be encoded',
    file: 'raftpb/src/wire/allocate.ts',
    find: 'if (slabUsedBytes + size > slab.byteLength)',
    replace: 'if (slabUsedBytes + size > slab.byteLength + 1)',
    caughtBy: [bounds, 'of 2001 bytes'],
  },
  {
    name: 'two encoded messages share a byte',
    file: 'raftpb/src/wire/allocate.ts',
    find: '  slabUsedBytes += size;\n',
    replace: '  slabUsedBytes += size - 1;\n',
    caughtBy: [bounds, 'of 2000 bytes'],
  },
  {
    name: 'a number of 65 bits loses its highest bit',
    file: 'raftpb/src/wire/reader.ts',
    find: '      if (shift === 63 && bits > 1) break;\n',
    replace: '',
    caughtBy: [hostile, 'refuses an id of 65 bits'],
  },
  {
    name: 'groups nest one deeper than allowed',
    file: 'raftpb/src/wire/reader.ts',
    find: 'if (depth > groupDepthMax)',
    replace: 'if (depth > groupDepthMax + 1)',
    caughtBy: [
      hostile,
      'skips groups 32 deep and refuses deeper ones before they can exhaust the stack',
    ],
  },
  {
    name: 'the end of another group ends a group',
    file: 'raftpb/src/wire/reader.ts',
    find: 'if (tag === endTag) return;',
    replace: 'if ((tag & 7) === WireType.GroupEnd) return;',
    caughtBy: [hostile, 'with the end of another'],
  },
  {
    name: 'the second piece of a snapshot hides the first one',
    file: 'raftpb/src/messages/message.ts',
    find: 'pieces.snapshot ??= newSnapshotDraft();',
    replace: 'pieces.snapshot = newSnapshotDraft();',
    caughtBy: [golden, 'a snapshot that comes in pieces'],
  },
  {
    name: 'an empty snapshot of an older etcd counts as one',
    file: 'raftpb/src/messages/message.ts',
    find: 'snapshot !== undefined && (draft.type === MessageType.Snap || snapshot.metadata.index > 0)',
    replace: 'snapshot !== undefined',
    caughtBy: [golden, 'an empty snapshot that means none'],
  },
  {
    name: 'responses nest one deeper than they can be written',
    file: 'raftpb/src/messages/message.ts',
    find: 'if (depth === responsesDepthMax)',
    replace: 'if (depth === responsesDepthMax + 1)',
    caughtBy: [hostile, 'reads responses as deep as it writes them'],
  },
  {
    name: 'the last byte of a value lies behind its target',
    file: 'raftpb/src/wire/size.ts',
    find: 'offset + size > target.length',
    replace: 'offset + size > target.length + 1',
    caughtBy: [numbers, 'leaves the target untouched'],
  },
  {
    name: 'a change of two members is made without joint consensus',
    file: 'raftpb/src/conf-change.ts',
    find: 'change.changes.length <= 1',
    replace: 'change.changes.length <= 2',
    caughtBy: [numbers, 'transition 0 with 2 operations'],
  },
  {
    name: 'an entry of an unknown type is applied as data',
    file: 'raftpb/src/messages/entry.ts',
    find: "  return reader.fail('Entry.type', `${type} is not a type of entry`);",
    replace: '  return EntryType.Normal;',
    caughtBy: [hostile, 'an unknown type is refused'],
  },
];
