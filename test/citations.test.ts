/**
 * Every citation can be followed by a reader who has this repository and public literature: a cited
 * file of the repository exists and has the cited section, and no comment cites another document.
 */
import { existsSync, readdirSync, readFileSync, type Dirent } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const own = 'test/citations.test.ts';

/** A comment, or a paragraph of a document, as one line. */
interface Passage {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

const skipped = new Set(['node_modules', 'dist', 'coverage', 'test-results']);

const files = readdirSync(root, { withFileTypes: true }).flatMap((entry) => filesBelow(entry, ''));

function filesBelow(entry: Dirent, folder: string): string[] {
  const path = `${folder}${entry.name}`;
  if (entry.name.startsWith('.') || skipped.has(entry.name)) return [];
  if (entry.isDirectory()) {
    return readdirSync(`${root}/${path}`, { withFileTypes: true }).flatMap((inner) =>
      filesBelow(inner, `${path}/`),
    );
  }
  return /\.(?:ts|mjs|md)$/.test(path) && path !== own ? [path] : [];
}

function textOf(file: string): string {
  return readFileSync(`${root}/${file}`, 'utf8');
}

/** Joins lines that follow each other for as long as `contentOf` finds something in them. */
function passages(file: string, contentOf: (line: string) => string | undefined): Passage[] {
  const found: { file: string; line: number; text: string }[] = [];
  let isOpen = false;
  for (const [at, line] of textOf(file).split('\n').entries()) {
    const content = contentOf(line);
    const last = found.at(-1);
    if (content === undefined) isOpen = false;
    else if (isOpen && last !== undefined) last.text += ` ${content}`;
    else {
      found.push({ file, line: at + 1, text: content });
      isOpen = true;
    }
  }
  return found;
}

const comments = files
  .filter((file) => !file.endsWith('.md'))
  .flatMap((file) =>
    passages(
      file,
      (line) => /^\s*(?:\/\*\*?|\*\/?|\/\/)(?:\s+(.*?))?(?:\s*\*\/)?$/.exec(line)?.[1],
    ),
  );

const paragraphs = files
  .filter((file) => file.endsWith('.md') && !file.endsWith('CHANGELOG.md'))
  .flatMap((file) => passages(file, (line) => (line.trim() === '' ? undefined : line.trim())));

const everything = [...comments, ...paragraphs];

/** The numbers of "2.5, 6.5 to 6.7 and 15.2"; of a range its two ends. */
const numbers = String.raw`\d+(?:\.\d+)*(?:(?:, | and | to |, and )\d+(?:\.\d+)*)*`;

function numbersIn(list: string): string[] {
  return list.match(/\d+(?:\.\d+)*/g) ?? [];
}

function headingsOf(file: string): string[] {
  return [...textOf(file).matchAll(/^#{2,4} (.*)$/gm)].map(([, heading]) => heading ?? '');
}

function hasSection(file: string, section: string): boolean {
  return headingsOf(file).some((heading) => /^[\d.]*\d/.exec(heading)?.[0] === section);
}

function at({ file, line }: Passage): string {
  return `${file}:${line}`;
}

describe('citations', () => {
  it('of files of the repository name files that exist', () => {
    const missing = everything.flatMap((passage) =>
      [...passage.text.matchAll(/(?<![\w./~-])((?:docs|packages|apps|test)\/[\w./-]+\.md)/g)]
        .map(([, path]) => path ?? '')
        .filter((path) => !existsSync(`${root}/${path}`))
        .map((path) => `${at(passage)}: ${path}`),
    );
    expect(missing).toEqual([]);
  });

  it('of sections name a number or a heading that the file has', () => {
    const bySection = new RegExp(
      String.raw`((?:docs|packages|apps)\/[\w./-]+\.md)\`?, sections? (${numbers})`,
      'g',
    );
    const byHeading = /((?:docs|packages|apps)\/[\w./-]+\.md)`?, "([^"]+)"/g;
    let seen = 0;
    const missing = everything.flatMap((passage) => [
      ...[...passage.text.matchAll(bySection)].flatMap(([, path = '', list = '']) => {
        seen += 1;
        return numbersIn(list)
          .filter((section) => !existsSync(`${root}/${path}`) || !hasSection(path, section))
          .map((section) => `${at(passage)}: ${path}, section ${section}`);
      }),
      ...[...passage.text.matchAll(byHeading)]
        .filter(
          ([, path = '', heading = '']) =>
            !headingsOf(path).some((known) => known.startsWith(heading)),
        )
        .map(([, path, heading]) => `${at(passage)}: ${path}, "${heading}"`),
    ]);
    expect(missing).toEqual([]);
    expect(seen, 'the pattern finds citations').toBeGreaterThan(30);
  });

  it.each(['docs/raft-behaviour.md', 'packages/raft-core/test/datadriven/README.md'])(
    'of sections within %s are right',
    (file) => {
      const missing = paragraphs
        .filter((passage) => passage.file === file)
        .flatMap(({ text }) =>
          [...text.matchAll(new RegExp(`[Ss]ections? (${numbers})`, 'g'))]
            .flatMap(([, list = '']) => numbersIn(list))
            .filter((section) => !hasSection(file, section)),
        );
      expect(missing).toEqual([]);
    },
  );

  it('of a section say in which document it is', () => {
    const sources = /Raft paper|Raft thesis|\.md\b|RFC \d|protobuf encoding|FIPS|POSIX/;
    const vague = comments
      .filter(({ text }) => /\bsections? \d/.test(text) && !sources.test(text))
      .map((passage) => `${at(passage)}: ${passage.text}`);
    expect(vague).toEqual([]);
  });

  it('never name a document that a reader cannot open', () => {
    const closed =
      /the project's (?:Raft )?(?:specification|contract|design|document|description)|Raft specification|document on data-driven tests|\bthe contract, \d/i;
    const cited = everything
      .filter(({ text }) => closed.test(text))
      .map((passage) => `${at(passage)}: ${passage.text.slice(0, 200)}`);
    expect(cited).toEqual([]);
  });
});
