/** The views of the cluster that the client returns. */
import { Answer } from './answers.ts';

/** The leader, as far as the asked node knows. */
export interface LeaderView {
  readonly id: bigint;
  /** The address of its Raft transport. */
  readonly address: string | undefined;
  /** The URL of its API. */
  readonly api: string | undefined;
}

export interface MemberView {
  readonly id: bigint;
  readonly address: string;
  readonly role: 'voter' | 'learner';
  /** The URL of its API, if it is published. */
  readonly api: string | undefined;
}

export interface MembersView {
  readonly clusterId: bigint;
  readonly leader: LeaderView | undefined;
  /** Ascending by id. */
  readonly members: readonly MemberView[];
  /** The ids of removed members, which are never used again. */
  readonly removed: readonly bigint[];
}

export interface StatusView {
  readonly nodeId: bigint;
  readonly role: string;
  readonly term: number;
  readonly leader: LeaderView | undefined;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  /** The number of keys in the state machine. */
  readonly keys: number;
  /** Bytes of all values, without keys and overhead. */
  readonly bytes: number;
  /** Everything the node has said, `figures` of its process included: JSON. */
  readonly all: Readonly<Record<string, unknown>>;
}

export interface DigestView {
  /** The index of the last applied command. */
  readonly index: number;
  readonly keys: number;
  readonly sha256: string;
}

export function leaderView(answer: Answer): LeaderView | undefined {
  const leader = answer.object('leader');
  if (leader === undefined) return undefined;
  return {
    id: leader.id('id'),
    address: leader.textOrNothing('address'),
    api: leader.textOrNothing('api'),
  };
}

export function membersView(answer: Answer): MembersView {
  return {
    clusterId: answer.id('clusterId'),
    leader: leaderView(answer),
    members: answer.list('members').map((value) => {
      const member = new Answer(value);
      return {
        id: member.id('id'),
        address: member.text('address'),
        role: member.text('role') === 'voter' ? 'voter' : 'learner',
        api: member.textOrNothing('api'),
      };
    }),
    removed: answer.ids('removed'),
  };
}

export function statusView(answer: Answer): StatusView {
  return {
    nodeId: answer.id('nodeId'),
    role: answer.text('role'),
    term: answer.number('term'),
    leader: leaderView(answer),
    commitIndex: answer.number('commitIndex'),
    appliedIndex: answer.number('appliedIndex'),
    keys: answer.number('keys'),
    bytes: answer.number('bytes'),
    all: answer.all,
  };
}

export function digestView(answer: Answer): DigestView {
  return {
    index: answer.number('index'),
    keys: answer.number('keys'),
    sha256: answer.text('sha256'),
  };
}
