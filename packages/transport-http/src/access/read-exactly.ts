/** Reads the first bytes of a connection and leaves what comes behind them in it. */
import type { Duplex } from 'node:stream';

/** The `code` of the error for a connection that the other side has ended. */
export const endedEarlyCode = 'ENDED_EARLY';

/**
 * The next so many bytes. Nothing else may read the connection meanwhile. Rejects when it ends,
 * breaks or is destroyed before: with the error of `destroy`, or with one of `endedEarlyCode`.
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
      // What is shorter came with the end of the connection.
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

/** The next byte, which stays to be read. Rejects as `readExactly` does. */
export async function peekByte(connection: Duplex): Promise<number | undefined> {
  const first = await readExactly(connection, 1);
  connection.unshift(first);
  return first[0];
}

/** The other side has ended the connection. */
export const endedEarly = (): Error =>
  Object.assign(new Error('the connection ended early'), { code: endedEarlyCode });
