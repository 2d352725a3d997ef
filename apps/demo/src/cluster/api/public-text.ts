/**
 * Removes file paths from texts that leave the process, so that clients do not learn where a node
 * keeps its data.
 */

/** An absolute path of Unix or Windows, or a relative one that begins with dots. */
const pathPattern =
  /(?:^|[^\w:/.])\/[^\s/]|(?:^|[^\w])[A-Za-z]:[\\/]|\\\\|(?:^|[^\w/.])\.{1,2}[\\/]/;

/**
 * Returns the text, or `instead` when it seems to contain a path. The whole text is replaced,
 * because the end of a path with spaces cannot be found.
 */
export function publicText(text: string, instead: string): string {
  return pathPattern.test(text) ? instead : text;
}
