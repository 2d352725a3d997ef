/**
 * The network of a real cluster: memory, or sockets behind proxies that keep the addresses stable.
 */
import type { Transport } from '@babuza/raft/ports';
import { HttpTransport } from '@babuza/transport-http';
import { FaultProxy } from '@babuza/transport-http/testing';
import { MemoryNetwork } from '@babuza/transport-memory';
import { nodeEnvironment } from '@babuza/vfs';
import { HttpTransportType, MemoryTransportType } from '../src/index.ts';

export type NetworkKind = 'memory' | 'http';

export interface RealNetwork {
  readonly transportType: string;
  /** The address of a member; it changes when the member moves. */
  address(id: bigint, place?: 'home' | 'elsewhere'): string;
  optionsOf(address: string): object;
  started(address: string, transport: Transport): void;
  close(): Promise<void>;
}

const { clock, random } = nodeEnvironment();

export async function openNetwork(kind: NetworkKind): Promise<RealNetwork> {
  return kind === 'http' ? await HttpNetwork.open() : new InMemory();
}

class InMemory implements RealNetwork {
  readonly transportType = MemoryTransportType;
  readonly #network = new MemoryNetwork({ clock, random });

  address(id: bigint, place = 'home'): string {
    return place === 'home' ? `host-${id}` : `host-${id}-elsewhere`;
  }

  optionsOf(address: string): object {
    return { network: this.#network, address };
  }

  started(): void {}

  async close(): Promise<void> {}
}

class HttpNetwork implements RealNetwork {
  readonly transportType = HttpTransportType;
  readonly #proxies: readonly FaultProxy[];

  private constructor(proxies: readonly FaultProxy[]) {
    this.#proxies = proxies;
  }

  /** Four members, each with an original and a new address. */
  static async open(): Promise<HttpNetwork> {
    return new HttpNetwork(
      await Promise.all(Array.from({ length: 8 }, () => FaultProxy.open(clock))),
    );
  }

  address(id: bigint, place = 'home'): string {
    const proxy = this.#proxies[Number(id) - 1 + (place === 'home' ? 0 : 4)];
    if (proxy === undefined) throw new Error(`there is no place for member ${id}`);
    return proxy.address;
  }

  optionsOf(address: string): object {
    return { address, listen: { port: 0 } };
  }

  started(address: string, transport: Transport): void {
    const proxy = this.#proxies.find((each) => each.address === address);
    if (transport instanceof HttpTransport) proxy?.setTarget(transport.listeningPort);
  }

  async close(): Promise<void> {
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
  }
}
