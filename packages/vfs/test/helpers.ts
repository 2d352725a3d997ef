import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach } from 'vitest';

const made: string[] = [];

/** Creates a directory that is removed after the test. */
export function temporaryDirectory(): string {
  const path = fs.mkdtempSync(join(tmpdir(), 'babuza-vfs-'));
  made.push(path);
  return path;
}

afterEach(() => {
  for (const path of made.splice(0)) fs.rmSync(path, { recursive: true, force: true });
});

/** A child process that contends for a lock, and its output. */
export interface Contender {
  readonly process: ChildProcess;
  readonly exited: Promise<void>;
  output(): string;
  /** Resolves when the process has printed `text`; rejects if it ends before. */
  said(text: string): Promise<void>;
}

/** Starts a contender, which runs the built code. */
export function startContender(directory: string, name: string, work: string): Contender {
  const script = fileURLToPath(new URL('./lock-child.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, directory, name, work], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let output = '';
  const listeners = new Set<() => void>();
  let isOver = false;
  const notify = (): void => {
    for (const listener of listeners) listener();
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    notify();
  });
  const exited = new Promise<void>((resolve) => {
    child.on('close', () => {
      isOver = true;
      notify();
      resolve();
    });
  });
  const said = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (output.includes(text)) resolve();
        else if (isOver) reject(new Error(`${name} ended without "${text}": ${output}`));
        else return;
        listeners.delete(look);
      };
      listeners.add(look);
      look();
    });
  return { process: child, exited, output: () => output, said };
}
