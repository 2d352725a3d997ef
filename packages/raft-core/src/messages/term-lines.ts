/** The log lines about terms and votes, with etcd's texts. */

import type { Message } from '@babuza/raftpb';
import { hex, messageTypeName } from '../describe/names.ts';
import type { RaftState } from '../state/raft-state.ts';

export function logHigherTerm({ id, term, config }: RaftState, message: Message): void {
  config.logger?.log(
    'info',
    () =>
      `${hex(id)} [term: ${term}] received a ${messageTypeName(message.type)} message with ` +
      `higher term from ${hex(message.from)} [term: ${message.term}]`,
  );
}

export function logIgnoredLowerTerm({ id, term, config }: RaftState, message: Message): void {
  config.logger?.log(
    'info',
    () =>
      `${hex(id)} [term: ${term}] ignored a ${messageTypeName(message.type)} message with ` +
      `lower term from ${hex(message.from)} [term: ${message.term}]`,
  );
}

export function logLeaseNotExpired(raft: RaftState, message: Message): void {
  const { config, electionElapsed } = raft;
  const left = config.electionTick - electionElapsed;
  const line = voteLine(raft, `ignored ${messageTypeName(message.type)} from`, message);
  config.logger?.log('info', () => `${line()}: lease is not expired (remaining ticks: ${left})`);
}

/** `1 [logterm: 1, index: 2, vote: 0] cast MsgVote for 3 [logterm: 1, index: 2] at term 4`. */
export function logVote(raft: RaftState, verb: 'cast' | 'rejected', message: Message): void {
  const preposition = verb === 'cast' ? 'for' : 'from';
  const action = `${verb} ${messageTypeName(message.type)} ${preposition}`;
  raft.config.logger?.log('info', voteLine(raft, action, message));
}

function voteLine(raft: RaftState, action: string, message: Message): () => string {
  return () =>
    `${hex(raft.id)} [logterm: ${raft.log.lastTerm()}, index: ${raft.log.lastIndex()}, ` +
    `vote: ${hex(raft.vote)}] ${action} ${hex(message.from)} ` +
    `[logterm: ${message.logTerm}, index: ${message.index}] at term ${raft.term}`;
}
