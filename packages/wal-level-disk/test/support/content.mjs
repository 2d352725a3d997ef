/** The whole content of a log as text. Plain JavaScript, because child processes run it, too. */
export function contentOf(storage) {
  const { term, vote, commit } = storage.initialState().hardState;
  const first = storage.firstIndex();
  const lines = [`${first} behind ${storage.term(first - 1)}; ${term} ${vote} ${commit}`];
  for (const entry of storage.entries(first, storage.lastIndex() + 1, Infinity)) {
    const data = Buffer.from(entry.data ?? []).toString('base64');
    lines.push(`${entry.index} ${entry.term} ${data}`);
  }
  return lines.join('\n');
}
