#!/usr/bin/env node
/**
 * The demo: reads the command line, runs the story, and removes processes and temporary files at
 * the end.
 */
import { stat } from 'node:fs/promises';
import { BuilderError, type Logger } from '@babuza/builder';
import { UsageError } from './argument-values.ts';
import { readArguments, type Story } from './arguments.ts';
import { certificatesHelp, readRequest } from './certificates/request.ts';
import { helpText } from './help-text.ts';
import { tellChaosStory } from './cluster-story/chaos/story.ts';
import { measureFailover } from './cluster-story/measuring/failover.ts';
import { measureHungDisks, measureShortStalls } from './cluster-story/measuring/hung-disk.ts';
import { measureThroughput } from './cluster-story/measuring/throughput.ts';
import { tellSoakStory } from './cluster-story/soak/story.ts';
import { tellSwarmStory } from './cluster-story/swarm/story.ts';
import { tellClusterStory } from './cluster-story/story.ts';
import { openManager } from './log-story/open-log.ts';
import { tellLogStory } from './log-story/story.ts';
import { NoDocumentsError } from './common/documents.ts';
import { Terminal } from './common/terminal.ts';
import { Workplace } from './common/workplace.ts';

/** Set by a signal. Errors that follow from the shutdown are not reported. */
let ending = false;
const terminal = new Terminal(process.stdout, process.env['NO_COLOR']);

/** Prints messages of the builder, such as the type that a synonym stands for. */
const builderNotes: Logger = {
  debug: () => undefined,
  info: (message) => terminal.line(message),
  warn: (message) => terminal.warn(message),
  error: (message) => terminal.bad(message),
};

/** Returns the exit code. */
async function main(): Promise<number> {
  const args = process.argv.slice(2);
  if (args[0] === 'certificates') return certificates(args.slice(1));
  const asked = readArguments(args);
  if (asked === undefined) {
    process.stdout.write(helpText);
    return 0;
  }
  const { settings } = asked;
  if ('inputFolder' in settings) await checkInput(settings.inputFolder);
  const workplace = await Workplace.open(settings.keptFolder);
  cleanUpOnSignals(workplace);
  try {
    const failures = await tell(asked, workplace);
    return failures.length === 0 ? 0 : 1;
  } finally {
    await workplace.dispose();
  }
}

async function certificates(args: readonly string[]): Promise<number> {
  const request = readRequest(args);
  if (request === undefined) {
    process.stdout.write(certificatesHelp);
    return 0;
  }
  // Only this command needs the certificate library, so the other stories do not load it.
  const { makeCertificates } = await import('./certificates/make.ts');
  process.stdout.write(await makeCertificates(request));
  return 0;
}

async function tell(asked: Story, workplace: Workplace): Promise<readonly string[]> {
  if (asked.story === 'log') {
    await checkWalTypes([asked.settings.walType], workplace, false);
    return tellLogStory(terminal, workplace, asked.settings);
  }
  await checkWalTypes(asked.settings.walTypes, workplace, asked.story !== 'load');
  if (asked.story === 'chaos') return tellChaosStory(terminal, workplace, asked.settings);
  if (asked.story === 'soak') return tellSoakStory(terminal, workplace, asked.settings);
  if (asked.story === 'swarm') return tellSwarmStory(terminal, workplace, asked.settings);
  if (asked.story === 'load') return measureThroughput(terminal, workplace, asked.settings);
  if (asked.story === 'failover') {
    const measures = {
      kill: measureFailover,
      'hung-disk': measureHungDisks,
      'short-stalls': measureShortStalls,
    };
    return measures[asked.fault](terminal, workplace, asked.settings);
  }
  return tellClusterStory(terminal, workplace, asked.settings);
}

async function checkInput(inputFolder: string): Promise<void> {
  const folder = await stat(inputFolder).catch((error: unknown) => {
    throw new UsageError(`--input: ${error instanceof Error ? error.message : String(error)}`);
  });
  if (!folder.isDirectory()) throw new UsageError(`--input: ${inputFolder} is not a folder`);
}

/** Rejects log types that are unknown, not installed or unsuitable, before the story starts. */
async function checkWalTypes(
  walTypes: readonly string[],
  workplace: Workplace,
  mustBeDurable: boolean,
): Promise<void> {
  try {
    for (const walType of walTypes) {
      const manager = await openManager(walType, workplace.storageRoot, builderNotes);
      await manager.close();
      if (mustBeDurable && !manager.capabilities.durable) {
        throw new UsageError(
          `--wal ${walType}: this log is not durable, and the story kills processes`,
        );
      }
    }
  } catch (error) {
    if (error instanceof BuilderError) throw new UsageError(error.message);
    throw error;
  }
}

/** On a signal, ends all processes and removes the temporary folder before the demo exits. */
function cleanUpOnSignals(workplace: Workplace): void {
  const end = (exitCode: number, text: string): void => {
    if (ending) return;
    ending = true;
    terminal.quiet();
    process.stderr.write(text);
    void workplace.dispose().finally(() => process.exit(exitCode));
  };
  process.on('SIGINT', () => end(130, '\ndemo: interrupted; all temporary files were removed\n'));
  process.on('SIGTERM', () => end(143, '\ndemo: terminated; all temporary files were removed\n'));
  // The terminal was closed.
  process.on('SIGHUP', () => end(129, ''));
  // The reader of the output has closed the pipe, as `| head` does.
  process.stdout.on('error', () => end(1, ''));
}

function explain(error: unknown): number {
  if (ending) return 1;
  terminal.clearProgress();
  if (error instanceof UsageError || error instanceof NoDocumentsError) {
    process.stderr.write(`demo: ${error.message}\nTry --help.\n`);
    return 2;
  }
  const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}${code}\n`);
  return 1;
}

process.exitCode = await main().catch(explain);
