/**
 * An error as one text, with its code and its causes, because a logger may not show the fields of
 * an error.
 */
const causesMax = 5;

export function errorText(error: unknown): string {
  const texts: string[] = [];
  let at: unknown = error;
  while (at instanceof Error && texts.length < causesMax) {
    const code: unknown = Reflect.get(at, 'code');
    texts.push(typeof code === 'string' ? `${code}: ${at.message}` : at.message);
    at = at.cause;
  }
  if (texts.length === 0) texts.push(String(error));
  return texts.join('; because of: ');
}
