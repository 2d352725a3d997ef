/** An error that a directive answers with: its text is part of the output. */
export class DirectiveError extends Error {
  override readonly name = 'DirectiveError';
}
