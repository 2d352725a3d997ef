/** The messages between the demo and the processes of the swarm and of the dummy target. */
import { hasTypeOf } from '../common/messages.ts';

/** A certificate and its key, both in PEM. */
export interface Credentials {
  readonly cert: string;
  readonly key: string;
}

/** The certificates that the attackers hold. */
export interface Loot {
  /** Issued by the authority of the cluster, for an id that is not a member. */
  readonly client: Credentials;
  /** Issued by another authority. */
  readonly foreign: Credentials;
  /** Issued by the authority of the cluster, but expired. */
  readonly expired: Credentials;
  /** The certificate of the hostile learner, which is a member. */
  readonly learner: Credentials;
  /** The certificate of a member that was removed. */
  readonly removed: Credentials;
}

/** The settings of the swarm. Ids are decimal strings, because JSON has no bigint. */
export interface SwarmSettings {
  readonly seed: number;
  /** The number of source addresses. */
  readonly sources: number;
  readonly clusterId: string;
  readonly loot: Loot;
  /** The addresses of an honest member, of the hostile learner and of the removed member. */
  readonly addresses: {
    readonly impersonated: string;
    readonly learner: string;
    readonly removed: string;
  };
}

/** A member, or the ports of the dummy that stand for it. */
export interface Target {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly apiPort: number;
}

export type SwarmRequest =
  | { readonly type: 'prepare'; readonly settings: SwarmSettings }
  /** Starts all attacks. `term` is the current term of the cluster. */
  | { readonly type: 'attack'; readonly targets: readonly Target[]; readonly term: number }
  /** Ends all attacks. */
  | { readonly type: 'rest' };

/** For each attack, how often each outcome occurred. */
export type Tallies = Readonly<Record<string, Readonly<Record<string, number>>>>;

export type SwarmAnswer =
  | { readonly type: 'ready' }
  | { readonly type: 'rested'; readonly tallies: Tallies; readonly cpuMs: number };

/** The ports on which the dummy listens. */
export interface DummyAnswer {
  readonly type: 'listening';
  readonly ports: readonly number[];
}

export const isSwarmRequest = (message: unknown): message is SwarmRequest =>
  hasTypeOf(message, ['prepare', 'attack', 'rest']);
export const isSwarmAnswer = (message: unknown): message is SwarmAnswer =>
  hasTypeOf(message, ['ready', 'rested']);
export const isDummyAnswer = (message: unknown): message is DummyAnswer =>
  hasTypeOf(message, ['listening']);
