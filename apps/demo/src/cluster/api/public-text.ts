/** Texts that leave the process: none of them tells where a node keeps its data. */

/** An absolute path of Unix or Windows, or a relative one that begins with dots. */
const pathPattern =
  /(?:^|[^\w:/.])\/[^\s/]|(?:^|[^\w])[A-Za-z]:[\\/]|\\\\|(?:^|[^\w/.])\.{1,2}[\\/]/;

/**
 * The text, or `instead` where it seems to name a file. All of it is replaced: where a path with
 * spaces ends cannot be told.
 */
export function publicText(text: string, instead: string): string {
  return pathPattern.test(text) ? instead : text;
}
