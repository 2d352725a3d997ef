/**
 * The grammar of data-driven test files: directives with their input and their expected output. The
 * original is the Go library cockroachdb/datadriven.
 */

export interface Argument {
  readonly key: string;
  /** The values; empty for a bare key, which is a positional argument. */
  readonly values: readonly string[];
}

export interface Directive {
  /** The line number of the directive; the first line is 1. */
  readonly line: number;
  readonly command: string;
  readonly args: readonly Argument[];
  readonly input: string;
  /** The expected output: empty, or text that ends with a line break. */
  readonly expected: string;
  /** The positions of the first line (the separator) and of the end of the expected output. */
  readonly outputStart: number;
  readonly outputEnd: number;
}

const separator = '----';

export function parseFile(text: string): Directive[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const directives: Directive[] = [];
  let at = 0;
  while (at < lines.length) {
    const first = trimmed(lines[at] ?? '');
    if (first === '' || first.startsWith('#')) {
      at += 1;
      continue;
    }
    const line = at + 1;
    let head = first;
    while (head.endsWith('\\')) {
      at += 1;
      head = `${head.slice(0, -1)} ${trimmed(lines[at] ?? '')}`;
    }
    at += 1;
    const inputStart = at;
    while (at < lines.length && lines[at] !== separator) at += 1;
    const input = lines.slice(inputStart, at).join('\n').trim();
    const outputStart = at;
    const output = readOutput(lines, at);
    at = output.end;
    const { command, args } = parseDirectiveLine(head);
    directives.push({
      line,
      command,
      args,
      input,
      expected: output.expected,
      outputStart,
      outputEnd: output.end,
    });
  }
  return directives;
}

/** Returns the file with new expected outputs and all else unchanged. */
export function withOutputs(
  text: string,
  directives: readonly Directive[],
  outputs: readonly string[],
): string {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const result: string[] = [];
  let at = 0;
  for (const [number, { outputStart, outputEnd }] of directives.entries()) {
    result.push(...lines.slice(at, outputStart), separator);
    const output = outputs[number] ?? '';
    const body = output === '' ? [] : output.slice(0, -1).split('\n');
    if (body.some((line) => line.trim() === '')) {
      result.push(separator, ...body, separator, separator);
    } else result.push(...body);
    at = outputEnd;
  }
  result.push(...lines.slice(at));
  return `${result.join('\n')}\n`;
}

/**
 * A command line: the command, then `key`, `key=value` or `key=(value, value)`, separated by
 * spaces.
 */
export function parseDirectiveLine(line: string): { command: string; args: Argument[] } {
  const end = line.indexOf(' ');
  if (end < 0) return { command: line, args: [] };
  const args: Argument[] = [];
  let at = end;
  for (;;) {
    while (line[at] === ' ') at += 1;
    if (at >= line.length) return { command: line.slice(0, end), args };
    const keyStart = at;
    while (at < line.length && line[at] !== ' ' && line[at] !== '=') at += 1;
    const key = line.slice(keyStart, at);
    if (key === '') throw new Error(`an argument without key: ${line}`);
    if (line[at] !== '=') {
      args.push({ key, values: [] });
      continue;
    }
    at += 1;
    if (line[at] === '(') {
      const list = parseList(line, at);
      args.push({ key, values: list.values });
      at = list.end;
    } else {
      const valueStart = at;
      while (at < line.length && line[at] !== ' ') at += 1;
      args.push({ key, values: [line.slice(valueStart, at)] });
    }
  }
}

function parseList(line: string, start: number): { values: string[]; end: number } {
  const values: string[] = [];
  let depth = 0;
  let value = '';
  for (let at = start; at < line.length; at += 1) {
    const character = line[at] ?? '';
    if (character === '(') depth += 1;
    if (character === ')') depth -= 1;
    if (depth === 0) return { values: [...values, value], end: at + 1 };
    if (depth === 1 && character === '(') continue;
    if (depth === 1 && character === ',') {
      values.push(value);
      value = '';
      while (line[at + 1] === ' ') at += 1;
    } else value += character;
  }
  throw new Error(`a list without end: ${line}`);
}

function readOutput(lines: readonly string[], start: number): { expected: string; end: number } {
  if (start >= lines.length) return { expected: '', end: start };
  const first = start + 1;
  if (lines[first] === separator) {
    for (let at = first + 1; at + 1 < lines.length; at += 1) {
      if (lines[at] !== separator || lines[at + 1] !== separator) continue;
      if (at + 2 < lines.length && (lines[at + 2] ?? '').trim() !== '') {
        throw new Error(`line ${at + 3}: expected a blank line behind the end of an output`);
      }
      return { expected: ended(lines.slice(first + 1, at)), end: at + 2 };
    }
    throw new Error(`line ${start + 1}: an output with blank lines has no end`);
  }
  let end = first;
  while (end < lines.length && (lines[end] ?? '').trim() !== '') end += 1;
  return { expected: ended(lines.slice(first, end)), end };
}

function ended(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

function trimmed(line: string): string {
  return line.replace(/^[ \t]+|[ \t]+$/g, '');
}
