/** Reads the first bytes of a connection and leaves the rest unread. */
import type { Duplex } from 'node:stream';

/** The `code` of the error that reports that the other side has ended the connection. */
export const endedEarlyCode = 'ENDED_EARLY';

/**
 * Reads exactly this many bytes. Nothing else may read the connection meanwhile. Rejects if the
 * connection ends, breaks or is destroyed first: with the error of `destroy`, or with an error of
 * the code `endedEarlyCode`.
 */
export function readExactly(connection: Duplex, bytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      connection.off('readable', onReadable);
      connection.off('end', onEnd);
      connection.off('error', onError);
      connection.off('close', onEnd);
    };
    const onReadable = (): void => {
      const chunk: Buffer | null = connection.read(bytes);
      if (chunk === null) return;
      settle();
      // A shorter chunk was the last one before the connection ended.
      if (chunk.length === bytes) resolve(chunk);
      else reject(endedEarly());
    };
    const onError = (error: Error): void => {
      settle();
      reject(error);
    };
    const onEnd = (): void => onError(endedEarly());
    connection.on('readable', onReadable);
    connection.on('end', onEnd);
    connection.on('error', onError);
    connection.on('close', onEnd);
    onReadable();
  });
}

/** Resolves to the next byte and leaves it unread. Rejects as `readExactly` does. */
export async function peekByte(connection: Duplex): Promise<number | undefined> {
  const first = await readExactly(connection, 1);
  connection.unshift(first);
  return first[0];
}

/** Creates the error that reports that the other side has ended the connection. */
export const endedEarly = (): Error =>
  Object.assign(new Error('the connection ended early'), { code: endedEarlyCode });
