/** What an attack is, and what it has at hand. */
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
  /** Connections that it has at a time, all targets together. */
  readonly connections: number;
  /** How long each waits between its end and the next one, in ms. */
  readonly pauseMs: number;
  /** Attacks once, until the connection ends or the signal fires. Returns how it ended. */
  strike(striker: Striker): Promise<string>;
}

export interface StrikerParts {
  readonly settings: SwarmSettings;
  readonly target: Target;
  /** The address that its connections come from. Absent where the system has only one. */
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

  /** To the transport, without TLS. */
  plain(): Line {
    return this.#line(this.#parts.target.port, undefined);
  }

  /** To the transport, with TLS; without credentials it shows no certificate. */
  encrypted(credentials?: Credentials): Line {
    return this.#line(this.#parts.target.port, credentials ?? anonymous);
  }

  /** To the API. */
  api(): Line {
    return this.#line(this.#parts.target.apiPort, undefined);
  }

  /** What a member of this cluster says to the target, but for the fields that are given. */
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

/** A log id that nothing else has. */
export const newLogId = (): string => randomBytes(16).toString('hex');
