/** Every exported decoder of the sources has a place in a target, so a new one is not forgotten. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { targets } from '../src/targets/index.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Decoders that take no bytes of a disk or a peer by themselves, with the reason. */
const exempt = new Map([
  ['demo/readArguments', 'It reads the command line of whoever starts the demo.'],
  ['demo/readRequest', 'It reads the command line of whoever makes certificates.'],
  ['demo/readBody', 'It counts the bytes of a request and gives them to JSON.parse.'],
  ['demo/readSnapshot', 'It reads a stream of the snapshot manager, which has checked each chunk.'],
  ['demo/readPiece', 'It reads documents of the user, as bytes.'],
  ['raft/readInteger', 'It reads 8 bytes where decodeEnvelope has checked that they are there.'],
  ['raft/readNodePart', 'It joins the chunks of a file; restore of the node part reads them.'],
  ['transport-http/readExactly', 'It waits for so many bytes and looks at none of them.'],
  ['vfs/readFully', 'It fills a buffer from a file and looks at no byte of it.'],
  ['vfs/readFullySync', 'It fills a buffer from a file and looks at no byte of it.'],
  ['vfs/readRecord', 'It reads a file, which decodeRecord takes.'],
  ['wal-core/readTests', 'It is a part of the conformance suite.'],
  ['wal-files/readFailure', 'It translates an error.'],
  ['wal-files/readSegment', 'It fills a buffer from a file and looks at no byte of it.'],
  ['wal-etcd/readWal', 'It shows a log with the scan that the recovery uses.'],
  ['wal-level/readFailure', 'It translates an error.'],
  [
    'wal-level/readInteger',
    'It reads 8 bytes where the decoders have checked that they are there.',
  ],
  ['wal-level/readIdentityRecord', 'It reads a value, which decodeIdentity takes.'],
  ['wal-level/readLog', 'It reads keys and values, which the decoders take.'],
  ['snapshot/readFailure', 'It translates an error.'],
]);

const pattern =
  /^export (?:async )?function\*? ?((?:decode|parse|read|scan|unseal|unpack)[A-Za-z]*)\(/gm;

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `${directory}/${name}`);
}

function decodersOfSources(): string[] {
  const owners = readdirSync(`${root}/packages`).filter((owner) => owner !== 'testkit');
  const folders = [
    ...owners.map((owner) => [owner, `${root}/packages/${owner}/src`] as const),
    ['demo', `${root}/apps/demo/src`] as const,
  ];
  return folders.flatMap(([owner, folder]) =>
    filesBelow(folder).flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(pattern)].map((match) => `${owner}/${match[1]}`),
    ),
  );
}

const found = decodersOfSources();
/** A decoder may say behind its name which of several of that name it is. */
const named = targets.flatMap(({ decoders }) =>
  decoders.flatMap(({ name, covers = [] }) => [name.split(' ')[0] ?? '', ...covers]),
);

it('every exported decoder is fuzzed, or exempt with a reason', () => {
  expect(found.length).toBeGreaterThan(50);
  const forgotten = found.filter((name) => !named.includes(name) && !exempt.has(name));
  expect(forgotten, 'add them to a target in apps/fuzz/src/targets').toEqual([]);
});

it('no exemption is out of date', () => {
  expect([...exempt.keys()].filter((name) => !found.includes(name))).toEqual([]);
});
