/** Everything that a log says, in one text. Plain JavaScript: a process of its own runs it, too. */
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
