/**
 * The examples replicate this state machine, a key-value store. Commands and results are JSON in
 * bytes.
 */
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Returns a command that sets a key, to be proposed. */
export const put = (key, value) => encoder.encode(JSON.stringify({ key, value }));

export class KeyValues {
  kind = 'concurrent';
  #values = new Map();

  /** Applies entries in log order. The result of each is the previous value of its key. */
  apply(entries) {
    return entries.map(({ data }) => {
      const { key, value } = JSON.parse(decoder.decode(data));
      const before = this.#values.get(key);
      this.#values.set(key, value);
      return before === undefined ? undefined : encoder.encode(before);
    });
  }

  query(key) {
    return this.#values.get(key);
  }

  /**
   * Copies the state. This must be quick, because nothing is applied meanwhile; the copy is written
   * while the store changes.
   */
  prepareSnapshot() {
    return [...this.#values];
  }

  async saveSnapshot(values, writer) {
    for (const pair of values) await writer.write(encoder.encode(`${JSON.stringify(pair)}\n`));
  }

  async restoreSnapshot(reader) {
    let text = '';
    for await (const chunk of reader.read()) text += Buffer.from(chunk).toString('latin1');
    const lines = Buffer.from(text, 'latin1').toString('utf8').split('\n').slice(0, -1);
    this.#values = new Map(lines.map((line) => JSON.parse(line)));
  }

  close() {}
}
