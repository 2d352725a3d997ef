/** The definition of an attack, and the tools that each attempt uses. */
import { randomBytes } from 'node:crypto';
import {
  rawConnect,
  rawHandshake,
  type RawHandshake,
  type RawHandshakeFields,
} from '@babuza/transport-http/testing';
import { Line } from './line.ts';
import type { Credentials, SwarmSettings, Target } from './swarm-protocol.ts';

export interface Attack {
  readonly name: string;
  /** The number of concurrent connections, over all targets. */
  readonly connections: number;
  /** The pause of each connection between two attempts, in ms. */
  readonly pauseMs: number;
  /**
   * Makes one attempt, until its connection ends or the signal fires. Returns the outcome in a few
   * words.
   */
  strike(striker: Striker): Promise<string>;
}

export interface StrikerParts {
  readonly settings: SwarmSettings;
  readonly target: Target;
  /** The source address of the connections; `undefined` when the system has only one. */
  readonly source: string | undefined;
  /** The term of the cluster when the attacks began. */
  readonly term: number;
  readonly chance: () => number;
  readonly signal: AbortSignal;
}

/** One attempt against one target, from one address. */
export class Striker {
  readonly #parts: StrikerParts;

  constructor(parts: StrikerParts) {
    this.#parts = parts;
  }

  get settings(): SwarmSettings {
    return this.#parts.settings;
  }

  get targetId(): bigint {
    return BigInt(this.#parts.target.id);
  }

  get term(): number {
    return this.#parts.term;
  }

  /** An integer from 0 to below `bound`. */
  below(bound: number): number {
    return Math.floor(this.#parts.chance() * bound);
  }

  oneOf<T>(choices: readonly [T, ...T[]]): T {
    return choices[this.below(choices.length)] ?? choices[0];
  }

  /** Connects to the transport without TLS. */
  plain(): Line {
    return this.#line(this.#parts.target.port, undefined);
  }

  /** Connects to the transport with TLS. Without credentials it presents no certificate. */
  encrypted(credentials?: Credentials): Line {
    return this.#line(this.#parts.target.port, credentials ?? anonymous);
  }

  /** Connects to the API. */
  api(): Line {
    return this.#line(this.#parts.target.apiPort, undefined);
  }

  /**
   * The handshake that a member of this cluster would send to the target, except for the given
   * fields.
   */
  handshake(
    fields: Pick<RawHandshakeFields, 'from' | 'address'> & Partial<RawHandshake>,
  ): RawHandshake {
    const clusterId = BigInt(this.settings.clusterId);
    return rawHandshake({ clusterId, to: this.targetId, ...fields });
  }

  #line(port: number, tls: Partial<Credentials> | undefined): Line {
    const { target, source, signal } = this.#parts;
    const connection = rawConnect({ host: target.host, port, localAddress: source, tls });
    return new Line(connection, signal);
  }
}

const anonymous: Partial<Credentials> = {};

/** Returns a random, unique log id. */
export const newLogId = (): string => randomBytes(16).toString('hex');
