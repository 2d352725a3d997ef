/** An error whose text is the output of a directive. */
export class DirectiveError extends Error {
  override readonly name = 'DirectiveError';
}
