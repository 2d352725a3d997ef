/** The address at which the server of a member listens, and requests that are refused late. */
import { encodeMessage } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import { headOf } from '../raw-client.ts';
import { snapshotMessage } from '../snapshot-support.ts';
import { handshakeOf } from './fakes.ts';
import { frameOf } from './requests.ts';
import { serverOf, turn } from './served.ts';

const never = new AbortController().signal;

describe('a server', () => {
  it('listens on its own address only, and says on which port', async () => {
    const { server, http } = serverOf();
    const port = await server.listen(never);
    expect(http.address()).toMatchObject({ address: '127.0.0.1', port });
    await server.close();
  });

  it('that is closed as it begins to listen has no other port than it was given', async () => {
    const { server, http } = serverOf();
    http.once('listening', () => void server.close());
    expect(await server.listen(never)).toBe(0);
  });
});

describe('a request that is refused after all of it was read', () => {
  it('ends its connection', async () => {
    let give = (): void => undefined;
    const held = new Promise<void>((resolve) => (give = resolve));
    const { connected } = serverOf({ receiveSnapshot: () => held });
    const frame = frameOf(encodeMessage(snapshotMessage(2n, 1n)));
    const request = (...headers: string[]): Buffer => {
      const length = `Content-Length: ${frame.length}`;
      const head = headOf('POST /raft/v1/snapshots', handshakeOf(), [length, ...headers]);
      return Buffer.concat([Buffer.from(head), frame]);
    };
    await connected(request('babuza-offset: 0'));
    // The request waits for the previous one to end, and lacks the offset header.
    const socket = await connected(request());
    expect(socket.text).toBe('');
    give();
    await turn();
    expect(socket.text).toMatch(/^HTTP\/1.1 400 [^]*babuza-refusal: bad-body/);
    expect(socket.writableEnded).toBe(true);
  });
});
