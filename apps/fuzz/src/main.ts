#!/usr/bin/env node
/**
 * Gives every decoder forged bytes for some seconds, and says which of them it does not take as it
 * should: a value, or one of its documented errors, in bounded time and memory.
 */
import { readFileSync } from 'node:fs';
import { parseArguments, usage, type Arguments } from './arguments.ts';
import { parseInputs } from './corpus.ts';
import { reportFailure, tableHead, tableLine } from './report.ts';
import { runInput } from './run-inputs.ts';
import { runTarget, type TargetResult } from './run-target.ts';

let lastTold = 0;

/** On a terminal one line that changes; elsewhere a line now and then. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${text}`);
  else if (performance.now() - lastTold > 10_000) {
    lastTold = performance.now();
    console.error(text);
  }
}

/** Whether all inputs of the file are taken as they should. */
async function runFile(file: string): Promise<boolean> {
  let isFine = true;
  for (const input of parseInputs(readFileSync(file, 'utf8'), file)) {
    const result = await runInput(input);
    isFine &&= result.isFine;
    console.log(`${result.isFine ? 'fine  ' : 'FAILED'}  ${input.decoder}: ${result.text}`);
  }
  return isFine;
}

async function fuzz({ targets, seconds, seed, jobs }: Arguments): Promise<boolean> {
  const waiting = [...targets];
  const running = new Map<string, number>();
  const results: TargetResult[] = [];
  const tell = (): void => {
    const now = [...running].map(([name, runs]) => `${name} ${runs} runs`).join(', ');
    progress(`${results.length} of ${targets.length} targets done; ${now}`);
  };
  console.log(tableHead);
  const runSome = async (): Promise<void> => {
    for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) {
      const { name } = target;
      const result = await runTarget(target, { seed, seconds }, (runs) => {
        running.set(name, runs);
        tell();
      });
      running.delete(name);
      results.push(result);
      if (process.stderr.isTTY) progress('');
      console.log(tableLine(result));
    }
  };
  await Promise.all(Array.from({ length: jobs }, runSome));
  const failures = results.flatMap(({ target, report }) =>
    report.failures.map((failure) => reportFailure(target, seed, failure)),
  );
  for (const failure of failures) console.log(failure);
  return failures.length === 0;
}

async function main(): Promise<void> {
  const chosen = parseArguments(process.argv.slice(2));
  if (chosen === undefined) {
    console.log(usage);
    return;
  }
  const isFine = chosen.input === undefined ? await fuzz(chosen) : await runFile(chosen.input);
  process.exitCode = isFine ? 0 : 1;
}

try {
  await main();
} catch (error) {
  console.error(error instanceof TypeError ? `${error.message}\n\n${usage}` : error);
  process.exitCode = 2;
}
