/**
 * A program whose node stops by itself does not end in silence. It runs against the built packages.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const scratch = mkdtempSync(`${tmpdir()}/babuza-stopped-`);
// Beside the examples, so that it finds the packages as theirs do.
const file = `${root}/examples/stopped-node-${process.pid}.mjs`;

afterAll(() => {
  rmSync(file, { force: true });
  rmSync(scratch, { recursive: true });
});

/**
 * A node whose state machine throws, and a program that does not look at the proposal that caused
 * it.
 */
const program = (logger: string, end: string): string => `
import { bootstrapRaftCluster } from '@babuza/raft';
import { KeyValues, put } from './key-values.js';
import { addressOf, componentOf, configOf } from './node.js';

class Failing extends KeyValues {
  apply() {
    throw new Error('the machine is broken');
  }
}
const logger = ${logger};
const component = await componentOf(1n, process.argv[2], { logger });
const peers = [{ id: 1n, address: addressOf(1n) }];
const raft = await bootstrapRaftCluster(configOf(1n), peers, new Failing(), component);
await raft.waitForLeader();
raft.propose(put('a', 'b')).catch(() => {});
${end}
`;

interface Ended {
  readonly code: number | null;
  readonly stderr: string;
}

async function run(code: string): Promise<Ended> {
  writeFileSync(file, code);
  const child = spawn(process.execPath, [file, mkdtempSync(`${scratch}/node-`)]);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve) => {
    child.on('close', (exitCode) => resolve({ code: exitCode, stderr }));
  });
}

describe('a program whose state machine throws', () => {
  it('ends with an error and the cause where it awaits the end of its node, also without a logger', async () => {
    const { code, stderr } = await run(program('undefined', 'await raft.whenStopped();'));
    expect(code).toBe(1);
    expect(stderr).toContain('RAFT_STATE_MACHINE_FAILED');
    expect(stderr).toContain('the machine is broken');
  });

  it('has the cause in its log at error level, whatever it awaits', async () => {
    const logger = '{ ...console, debug() {}, info() {}, warn() {} }';
    const { stderr } = await run(program(logger, ''));
    expect(stderr).toContain('the node has stopped on an error');
    expect(stderr).toContain('the machine is broken');
  });
});
