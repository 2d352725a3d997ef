/** Chunks between a writer and a reader: none is lost silently, and neither side waits for ever. */
import { turnOfEventLoop } from '@babuza/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { ChunkChannel } from '../src/snapshots/chunk-channel.ts';
import { writeSnapshotFiles } from '../src/snapshots/snapshot-files.ts';
import { soon } from './soon.ts';
import { bytesOf, textOf } from './support.ts';

let channel: ChunkChannel;

beforeEach(() => {
  channel = new ChunkChannel();
});

/** Reads to the end; the last element says how it ended. */
const readAll = (): Promise<string[]> => soon(readToEnd());

async function readToEnd(): Promise<string[]> {
  const seen: string[] = [];
  try {
    for await (const chunk of channel) seen.push(textOf(chunk));
    return [...seen, 'end'];
  } catch (error) {
    return [...seen, String(error)];
  }
}

const outcome = (promise: Promise<unknown>): Promise<string> =>
  soon(promise.then(() => 'done', String));

const written = async (text: string): Promise<void> =>
  expect(await outcome(channel.write(bytesOf(text)))).toBe('done');

describe('a channel', () => {
  it('passes each chunk on, whether the reader or the writer comes first', async () => {
    const reading = readToEnd();
    for (const text of ['a', '', 'b']) await written(text);
    channel.end();
    expect(await soon(reading)).toEqual(['a', 'b', 'end']);
    channel = new ChunkChannel();
    const writing = channel.write(bytesOf('a'));
    await turnOfEventLoop();
    const reading2 = readToEnd();
    expect(await outcome(writing)).toBe('done');
    channel.end();
    expect(await soon(reading2)).toEqual(['a', 'end']);
  });

  it('makes the writer wait until its chunk is not needed any more', async () => {
    let isWritten = false;
    void channel.write(bytesOf('a')).then(() => (isWritten = true));
    const reader = channel[Symbol.asyncIterator]();
    const { value } = await soon(reader.next());
    await turnOfEventLoop();
    expect([textOf(value as Uint8Array), isWritten]).toEqual(['a', false]);
    void reader.next();
    await turnOfEventLoop();
    expect(isWritten).toBe(true);
  });

  it('passes on a chunk that is pending when the writer ends', async () => {
    const writing = outcome(channel.write(bytesOf('a')));
    channel.end();
    expect(await readAll()).toEqual(['a', 'end']);
    expect(await writing).toBe('done');
  });

  it('that is empty has an end', async () => {
    const reading = readToEnd();
    await turnOfEventLoop();
    channel.end();
    expect(await soon(reading)).toEqual(['end']);
  });
});

describe('two writes at once', () => {
  it.each([
    ['other bytes', 'b'],
    ['the same bytes', 'a'],
  ])('fail for the reader too: %s', async (_, second) => {
    const writes = [channel.write(bytesOf('a')), channel.write(bytesOf(second))].map(outcome);
    const reading = readAll();
    const ends = await Promise.all([...writes, reading.then((seen) => seen.at(-1))]);
    expect(ends.every((end) => String(end).includes('await each write'))).toBe(true);
  });

  it('of the same chunk fail as well', async () => {
    const chunk = bytesOf('a');
    const writes = [channel.write(chunk), channel.write(chunk)].map(outcome);
    expect((await readAll()).at(-1)).toContain('await each write');
    expect((await Promise.all(writes)).every((end) => end !== 'done')).toBe(true);
  });
});

describe('a write behind the end', () => {
  it('fails, and a reader that has not seen the end yet fails too', async () => {
    channel.end();
    expect(await outcome(channel.write(bytesOf('a')))).toContain('complete');
    expect(await readAll()).toEqual(['TypeError: the file is complete']);
  });
});

describe('a channel that fails', () => {
  it('ends the writer and the reader, and each later one', async () => {
    const reading = readToEnd();
    await written('a');
    channel.fail(new Error('the disk is full'));
    channel.fail(new Error('another one'));
    expect(await soon(reading)).toEqual(['a', 'Error: the disk is full']);
    expect(await outcome(channel.write(bytesOf('b')))).toBe('Error: the disk is full');
  });

  it('ends a reader that comes later, whether a chunk is there or not', async () => {
    channel.fail(new Error('the disk is full'));
    expect(await readAll()).toEqual(['Error: the disk is full']);
    channel = new ChunkChannel();
    const writing = outcome(channel.write(bytesOf('a')));
    channel.fail(new Error('the disk is full'));
    expect(await readAll()).toEqual(['Error: the disk is full']);
    expect(await writing).toBe('Error: the disk is full');
  });

  it('ends a writer whose chunk was never taken', async () => {
    const writing = outcome(channel.write(bytesOf('a')));
    channel.fail(new Error('nobody reads'));
    expect(await writing).toBe('Error: nobody reads');
  });
});

describe('a reader that leaves', () => {
  it('ends the writer whose chunk it has, and each later one', async () => {
    const writing = outcome(channel.write(bytesOf('a')));
    const leave = async (): Promise<void> => {
      for await (const chunk of channel) {
        void chunk;
        break;
      }
    };
    await soon(leave());
    expect(await writing).toContain('nobody reads');
    expect(await outcome(channel.write(bytesOf('b')))).toContain('nobody reads');
  });
});

describe('the files of a snapshot', () => {
  const save = async (writer: { write(chunk: Uint8Array): Promise<void> }): Promise<void> => {
    for (const text of ['a', 'b', 'c']) await writer.write(bytesOf(text));
  };

  /** Writes the files with a manager that handles the state file like this. */
  const write = (
    writeState: (chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) => Promise<void>,
    saveState = save,
  ): Promise<string> => {
    const files = {
      writeFile: async (
        name: string,
        chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
      ): Promise<void> => (name === 'state' ? writeState(chunks) : undefined),
      linkFile: async () => undefined,
    };
    return outcome(writeSnapshotFiles(files, bytesOf('node'), saveState));
  };

  it('are not created when one cannot be written, and the state machine is told', async () => {
    let isTold = false;
    const failing = async (): Promise<void> => {
      throw new Error('the disk is full');
    };
    const end = await write(failing, async (writer) => {
      try {
        await save(writer);
      } catch (error) {
        isTold = true;
        throw error;
      }
    });
    expect([end, isTold]).toEqual(['Error: the disk is full', true]);
  });

  it('are not created when one cannot be written and the state machine ignores it', async () => {
    const failing = async (): Promise<void> => {
      throw new Error('the disk is full');
    };
    expect(await write(failing, async (writer) => void save(writer).catch(() => undefined))).toBe(
      'Error: the disk is full',
    );
  });

  it('are not created when the state machine fails in the middle, and the file does not look complete', async () => {
    let seen = '';
    const end = await write(
      async (chunks) => {
        for await (const chunk of chunks) seen += textOf(chunk);
        seen += ' whole';
      },
      async (writer) => {
        await writer.write(bytesOf('a'));
        throw new Error('the machine cannot do this');
      },
    );
    expect([end, seen]).toEqual(['Error: the machine cannot do this', 'a']);
  });

  it('are not created when a manager stops in the middle of the state', async () => {
    const end = await write(async (chunks) => {
      for await (const chunk of chunks) {
        void chunk;
        break;
      }
    });
    expect(end).toContain('nobody reads');
  });
});
