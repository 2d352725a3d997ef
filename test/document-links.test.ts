/**
 * Every relative link in a document leads to a file, and every anchor to a heading of that file.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

const listing = ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'];
const documents = execFileSync('git', listing, { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(root, path)));

/** The text without code, in which brackets and names mean something else. */
function proseOf(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '');
}

/** The anchors of the headings, as GitHub makes them. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of text
    .replaceAll(/^```[\s\S]*?^```/gm, '')
    .matchAll(/^#{1,6} +(.+)$/gm)) {
    const anchor = heading
      .trim()
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-');
    for (let at = 0, name = anchor; ; at += 1, name = `${anchor}-${at}`) {
      if (anchors.has(name)) continue;
      anchors.add(name);
      break;
    }
  }
  return anchors;
}

/** The links of a document that lead nowhere. */
function brokenLinks(
  path: string,
  text: string,
  read: (path: string) => string | undefined,
): string[] {
  const links = proseOf(text).matchAll(/\]\((?<target>[^)\s]+)\)/g);
  return [...links].flatMap(({ groups }) => {
    const target = groups?.['target'] ?? '';
    if (/^[a-z]+:/.test(target)) return [];
    const [file = '', anchor] = target.split('#');
    const found = file === '' ? text : read(join(dirname(path), file));
    if (found === undefined) return [`${path}: ${target}: there is no such file`];
    if (anchor === undefined || anchorsOf(found).has(anchor)) return [];
    return [`${path}: ${target}: there is no such heading`];
  });
}

/**
 * Paths that a document names in code, and that do not exist. They count from the root of the
 * repository, or from the folder of the document.
 */
function brokenNames(path: string, text: string, exists: (path: string) => boolean): string[] {
  const pattern = /`[^`\n]*`/g;
  const inCode = [...text.matchAll(pattern)].flatMap(([code]) => code.split(/[\s`,]+/));
  return inCode
    .filter((name) => /^(?:docs|packages|apps|examples|test|tools)\/[\w./-]+\.\w+$/.test(name))
    .filter((name) => !exists(name) && !exists(join(dirname(path), name)))
    .map((name) => `${path}: ${name}: there is no such file`);
}

function readDocument(path: string): string | undefined {
  const file = join(root, path);
  if (!existsSync(file)) return undefined;
  return statSync(file).isDirectory() ? '' : readFileSync(file, 'utf8');
}

describe('links between documents', () => {
  it('are looked at in all documents', () => {
    expect(documents).toContain('README.md');
    expect(documents).toContain('docs/ARCHITECTURE.md');
  });

  it.each(documents)('of %s lead to files and headings', (path) => {
    const text = readDocument(path) ?? '';
    expect(brokenLinks(path, text, readDocument)).toEqual([]);
  });

  it.each(documents)('of %s name files that exist', (path) => {
    const text = readDocument(path) ?? '';
    expect(brokenNames(path, text, (name) => existsSync(join(root, name)))).toEqual([]);
  });

  it('are found to be broken when the file or the heading is missing', () => {
    const files: Record<string, string> = { 'docs/b.md': '# Two words\n\n## `code`, and more\n' };
    const read = (path: string): string | undefined => files[path];
    const text = '[a](b.md) [b](b.md#two-words) [c](b.md#code-and-more) [d](c.md) [e](b.md#three)';
    expect(brokenLinks('docs/a.md', text, read)).toEqual([
      'docs/a.md: c.md: there is no such file',
      'docs/a.md: b.md#three: there is no such heading',
    ]);
    expect(
      brokenNames('docs/a.md', 'see `docs/b.md` and `docs/c.md`', (name) => name in files),
    ).toEqual(['docs/a.md: docs/c.md: there is no such file']);
  });
});
