/** The messages of the demo to the process of the swarm, and to the dummy for comparison. */
import { hasTypeOf } from '../common/messages.ts';

/** A certificate and its key, in PEM. */
export interface Credentials {
  readonly cert: string;
  readonly key: string;
}

/** What the attackers have in their hands. */
export interface Loot {
  /** Of the authority of the cluster, and names no member. */
  readonly client: Credentials;
  /** Of another authority. */
  readonly foreign: Credentials;
  /** Of the authority of the cluster, and expired. */
  readonly expired: Credentials;
  /** Of a learner of the cluster that turned hostile. */
  readonly learner: Credentials;
  /** Of a member that was removed. */
  readonly removed: Credentials;
}

/** Ids are decimal digits: JSON has no bigint. */
export interface SwarmSettings {
  readonly seed: number;
  /** Addresses that the attacks come from. */
  readonly sources: number;
  readonly clusterId: string;
  readonly loot: Loot;
  /** The address of a good member, and those of the hostile learner and of the removed member. */
  readonly addresses: {
    readonly impersonated: string;
    readonly learner: string;
    readonly removed: string;
  };
}

/** A member, or a part of the dummy in its place. */
export interface Target {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly apiPort: number;
}

export type SwarmRequest =
  | { readonly type: 'prepare'; readonly settings: SwarmSettings }
  /** All attacks begin. `term` is the term that the cluster is in. */
  | { readonly type: 'attack'; readonly targets: readonly Target[]; readonly term: number }
  /** All attacks end. */
  | { readonly type: 'rest' };

/** By attack: how often each outcome was seen. */
export type Tallies = Readonly<Record<string, Readonly<Record<string, number>>>>;

export type SwarmAnswer =
  | { readonly type: 'ready' }
  | { readonly type: 'rested'; readonly tallies: Tallies; readonly cpuMs: number };

/** The dummy says where it listens. */
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
