/** Messages between processes, as they come: anything, until one has looked. */

/** Whether it is an object whose `type` is one of these. */
export function hasTypeOf(message: unknown, types: readonly string[]): boolean {
  return (
    typeof message === 'object' &&
    message !== null &&
    'type' in message &&
    typeof message.type === 'string' &&
    types.includes(message.type)
  );
}
