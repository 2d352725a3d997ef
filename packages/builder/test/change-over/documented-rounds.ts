/**
 * Reads the rounds of a change-over from docs/running-a-cluster.md, so that tests execute the
 * documented steps.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { HttpTransportTls } from '@babuza/transport-http';
import type { Protection } from './live-cluster.ts';

const page = fileURLToPath(new URL('../../../../docs/running-a-cluster.md', import.meta.url));

/** The values of the placeholders in the document. */
export interface Values {
  readonly tls?: HttpTransportTls;
  readonly secret?: string;
  readonly old?: string;
  readonly new?: string;
}

/** The options in each row of the table below this bold title, the initial ones first. */
export function documentedRounds(title: string): ((values: Values) => Protection)[] {
  const [, behind] = readFileSync(page, 'utf8').split(`**${title}.**`);
  const rows =
    /(?:^\|.*\n)+/m
      .exec(behind ?? '')?.[0]
      .trim()
      .split('\n')
      .slice(2) ?? [];
  if (rows.length < 2) throw new Error(`docs/running-a-cluster.md has no rounds for "${title}"`);
  return rows.map((row) => {
    const cell = row.split('|')[2] ?? '';
    const words = [...cell.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);
    return (values) => Object.assign({}, ...words.map((word) => optionOf(word, values)));
  });
}

function optionOf(word: string, values: Values): Protection {
  const [, option, step] = /^transition: \{ (tls|secret): '(accept|connect)' \}$/.exec(word) ?? [];
  if (step === 'accept' || step === 'connect') {
    return { transition: option === 'tls' ? { tls: step } : { secret: step } };
  }
  if (word === 'insecure: true') return { insecure: true };
  if (word === 'tls' || word === 'tls: { cert, key, ca }') return { tls: given(values.tls, word) };
  if (word === 'secret') return { secret: given(values.secret, word) };
  const secrets = /^\[?(old|new)(?:, (old|new)\])?$/.exec(word);
  if (secrets === null)
    throw new Error(
      `docs/running-a-cluster.md has an option that this test does not know: ${word}`,
    );
  const [first, second] = secrets
    .slice(1)
    .map((name) => (name === 'old' || name === 'new' ? given(values[name], name) : undefined));
  return { secret: second === undefined ? given(first, word) : [given(first, word), second] };
}

function given<T>(value: T | undefined, word: string): T {
  if (value === undefined) throw new Error(`the test has no value for ${word}`);
  return value;
}
