/** The errors of the Raft core, told apart by their codes. */
import { codeOf } from '@babuza/vfs';

const panicCode = 'RAFT_CORE_PANIC';
const changeCode = 'RAFT_CORE_CONF_CHANGE';

/** Whether the core cannot go on after this error. */
export function isPanic(error: unknown): boolean {
  return codeOf(error) === panicCode;
}

/**
 * Whether no core can make this membership change. The core wraps this refusal in a panic, as etcd
 * does, and throws it before it changes anything.
 */
export function isImpossibleChange(error: unknown): error is Error {
  return error instanceof Error && isPanic(error) && codeOf(error.cause) === changeCode;
}

/** Whether the core has refused a call before it changed anything, so that the node goes on. */
export function isRefusal(error: unknown): boolean {
  return codeOf(error).startsWith('RAFT_CORE_') && !isPanic(error);
}
