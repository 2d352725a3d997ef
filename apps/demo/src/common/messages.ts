/** Checks for messages from other processes, which are of unknown type until they are checked. */

/** Whether the message is an object whose `type` is one of `types`. */
export function hasTypeOf(message: unknown, types: readonly string[]): boolean {
  return (
    typeof message === 'object' &&
    message !== null &&
    'type' in message &&
    typeof message.type === 'string' &&
    types.includes(message.type)
  );
}
