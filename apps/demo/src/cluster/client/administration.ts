/**
 * Calls about the cluster itself. Questions are repeated until they are answered. Changes have no
 * sequence: they are repeated only where an attempt has certainly done nothing, and end with
 * `KEY_VALUE_OUTCOME_UNKNOWN` where that is not known.
 */
import { Answer } from './answers.ts';
import type { Attempts } from './attempts.ts';
import type { HttpRequest } from './connections.ts';
import { checkedNumber, type CallOptions, type NodeCallOptions } from './options.ts';
import {
  digestView,
  leaderView,
  membersView,
  statusView,
  type DigestView,
  type LeaderView,
  type MembersView,
  type StatusView,
} from './views.ts';

export interface MemberToAdd {
  readonly id: bigint;
  /** The address of its Raft transport. */
  readonly address: string;
  /** Default: learner. */
  readonly role?: 'voter' | 'learner' | undefined;
  /** The URL of its API. */
  readonly api?: string | undefined;
}

export class Administration {
  readonly #attempts: Attempts;
  readonly #deadlineMs: number;

  constructor(attempts: Attempts, deadlineMs: number) {
    this.#attempts = attempts;
    this.#deadlineMs = deadlineMs;
  }

  /** The figures of one node. */
  async status(options: NodeCallOptions = {}): Promise<StatusView> {
    return statusView(await this.#run('read', 'GET', '/v1/status', undefined, options));
  }

  async members(options: NodeCallOptions = {}): Promise<MembersView> {
    return membersView(await this.#run('read', 'GET', '/v1/members', undefined, options));
  }

  /** The contents of one node in short, for comparing nodes. */
  async digest(options: NodeCallOptions = {}): Promise<DigestView> {
    return digestView(await this.#run('read', 'GET', '/v1/digest', undefined, options));
  }

  /**
   * Resolves when it is a member. Refusals have the `answerCode` `RAFT_CONF_CHANGE_REFUSED`, as for
   * all changes.
   */
  addMember(
    { id, address, role, api }: MemberToAdd,
    options: CallOptions = {},
  ): Promise<MembersView> {
    return this.#change('POST', '', { id: id.toString(), address, role, api }, options);
  }

  /** A learner becomes a voter. `answerCode` `RAFT_LEARNER_NOT_READY`: not yet, ask again. */
  promoteMember(id: bigint, options: CallOptions = {}): Promise<MembersView> {
    return this.#change('POST', `/${id}/promote`, undefined, options);
  }

  /** Removes a member. Its id is never used again. */
  removeMember(id: bigint, options: CallOptions = {}): Promise<MembersView> {
    return this.#change('DELETE', `/${id}`, undefined, options);
  }

  /** Changes the address of the Raft transport (`address`), the URL of the API (`api`), or both. */
  updateMember(
    id: bigint,
    places: { readonly address?: string | undefined; readonly api?: string | undefined },
    options: CallOptions = {},
  ): Promise<MembersView> {
    return this.#change('PUT', `/${id}`, places, options);
  }

  /** A snapshot of one node; resolves when it is durable. */
  async takeSnapshot(
    options: NodeCallOptions = {},
  ): Promise<{ readonly index: number; readonly term: number }> {
    // Repeating a snapshot is harmless, so this call is repeated like a read.
    const answer = await this.#run('read', 'POST', '/v1/snapshots', undefined, options);
    return { index: answer.number('index'), term: answer.number('term') };
  }

  /**
   * Transfers leadership to the given voter, or to the one with the most complete log. Resolves
   * when that node leads.
   */
  async transferLeadership(
    to?: bigint,
    options: CallOptions = {},
  ): Promise<LeaderView | undefined> {
    const body = { to: to?.toString() };
    const leader = leaderView(await this.#run('once', 'POST', '/v1/leadership', body, options));
    this.#attempts.follow(leader?.api);
    return leader;
  }

  async #change(
    method: 'POST' | 'PUT' | 'DELETE',
    path: string,
    body: object | undefined,
    options: CallOptions,
  ): Promise<MembersView> {
    return membersView(await this.#run('once', method, `/v1/members${path}`, body, options));
  }

  async #run(
    kind: 'read' | 'once',
    method: HttpRequest['method'],
    path: string,
    body: object | undefined,
    { at, signal, deadlineMs = this.#deadlineMs }: NodeCallOptions,
  ): Promise<Answer> {
    const deadline = performance.now() + checkedNumber('deadlineMs', deadlineMs);
    const parts = body === undefined ? [] : [Buffer.from(JSON.stringify(body))];
    const headers: Record<string, string> =
      body === undefined ? {} : { 'content-type': 'application/json' };
    const request = (): HttpRequest => ({ method, path, headers, body: parts });
    return Answer.of(await this.#attempts.run({ kind, request, deadline, signal, at }));
  }
}
