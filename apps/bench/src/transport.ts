/**
 * Messages between two members on the loopback, both in this process: over a stream, as requests,
 * and beside plain `node:http` with one request for each message. What is measured is from the call
 * of `send` to the node on the other side.
 */
import { Agent, createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodeMessage, EntryType, MessageType, newMessage, type Message } from '@babuza/raftpb';
import { HttpTransport } from '@babuza/transport-http';
import { nodeEnvironment } from '@babuza/vfs';
import { makeProtections, type Protection } from './protections.ts';
import type { Work } from './saving.ts';

export const messagesPerRound = 20_000;
const inFlight = 64;
const { clock, random } = nodeEnvironment();

/** An append with one entry of 1 KB, as a leader sends most. */
function messageOf(index: number): Message {
  const data = Buffer.alloc(1024, index);
  const entries = [{ index, term: 1, type: EntryType.Normal, data }];
  return newMessage({ type: MessageType.App, from: 1n, to: 2n, term: 1, index, entries });
}

/** The certificates of the members with TLS get into the directory. */
export async function transportMessages(directory: string): Promise<Work> {
  const { secret, tls } = await makeProtections(directory);
  const plain = await PlainHttp.open();
  const requests = await Pair.open(false);
  const streams = await Pair.open(true);
  const secretStreams = await Pair.open(true, secret);
  const tlsStreams = await Pair.open(true, tls);
  return {
    title: `messages of one entry of 1 KB, ${inFlight} in flight, ${messagesPerRound} a round`,
    contenders: [
      { name: 'plain node:http, a request each', run: () => plain.round() },
      { name: 'transport-http, requests', run: () => requests.round() },
      { name: 'transport-http, stream', run: () => streams.round() },
      { name: 'stream with a secret', run: () => secretStreams.round() },
      { name: 'stream with mutual TLS', run: () => tlsStreams.round() },
    ],
    close: async () => {
      await plain.close();
      await requests.close();
      await streams.close();
      await secretStreams.close();
      await tlsStreams.close();
    },
  };
}

/** Two members; the first sends to the second. */
class Pair {
  readonly #sender: HttpTransport;
  readonly #receiver: HttpTransport;
  #received = 0;
  #onReceived: () => void = () => undefined;

  private constructor(sender: HttpTransport, receiver: HttpTransport) {
    this.#sender = sender;
    this.#receiver = receiver;
  }

  static async open(streams: boolean, protection: Protection = () => ({})): Promise<Pair> {
    const [first, second] = await Promise.all([freeAddress(), freeAddress()]);
    const transport = (nodeId: bigint, address: string): HttpTransport =>
      new HttpTransport(
        { clusterId: 1n, nodeId, clock, random },
        { address, streams, ...protection(nodeId) },
      );
    const pair = new Pair(transport(1n, first), transport(2n, second));
    await pair.#start();
    pair.#sender.setPeer({ id: 2n, address: second });
    pair.#receiver.setPeer({ id: 1n, address: first });
    return pair;
  }

  async #start(): Promise<void> {
    const group = { groupId: 0n, entryBytesMax: 8 * 1024 ** 2, messageBytesMax: 1024 ** 2 };
    const handler = {
      receive: () => {
        this.#received += 1;
        this.#onReceived();
        return undefined;
      },
      receiveSnapshot: () => Promise.reject(new Error('no snapshots here')),
      receivedSnapshotBytes: () => Promise.resolve(0),
      unreachable: () => undefined,
      introduction: () => '',
      admit: () => undefined,
      refusedBy: () => undefined,
      admittedBy: () => undefined,
    };
    await this.#sender.start(handler, group);
    await this.#receiver.start(handler, group);
  }

  round(): Promise<number[]> {
    this.#received = 0;
    let sent = 0;
    return new Promise((resolve) => {
      const fill = (): void => {
        if (this.#received === messagesPerRound) resolve([]);
        while (sent < messagesPerRound && sent - this.#received < inFlight) {
          this.#sender.send([messageOf((sent += 1))]);
        }
      };
      this.#onReceived = fill;
      fill();
    });
  }

  async close(): Promise<void> {
    await this.#sender.close();
    await this.#receiver.close();
  }
}

class PlainHttp {
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: inFlight });

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(): Promise<PlainHttp> {
    const server = createServer((incoming, response) => {
      incoming.resume().once('end', () => response.writeHead(204).end());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new PlainHttp(server);
  }

  async round(): Promise<number[]> {
    let sent = 0;
    const work = async (): Promise<void> => {
      while (sent < messagesPerRound) await this.#post(encodeMessage(messageOf((sent += 1))));
    };
    await Promise.all(Array.from({ length: inFlight }, work));
    return [];
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #post(body: Uint8Array): Promise<void> {
    const { port } = this.#server.address() as AddressInfo;
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port, method: 'POST', agent: this.#agent };
      const outgoing = request(options, (response) => {
        response.resume().once('end', resolve);
      });
      outgoing.once('error', reject);
      outgoing.end(body);
    });
  }
}

async function freeAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `127.0.0.1:${port}`;
}
