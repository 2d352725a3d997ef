/**
 * A group of nodes in one process, with faults that one seed determines. After each step the
 * invariants are checked. `checker.ts` has the invariants, `options.ts` the random options, and
 * `settle.ts` the end of a run.
 */

import type { ConfState, Message } from '@babuza/raftpb';
import { ReadOnlyOption } from '../../src/index.ts';
import { Checker } from './checker.ts';
import { Counters } from './counters.ts';
import { Misfortune } from './misfortune.ts';
import { Network } from './network.ts';
import { SimulatedNode } from './node.ts';
import type { Faults, World } from './world.ts';
import { drawOptions, type Options } from './options.ts';
import { Random } from './random.ts';
import { Reads } from './reads.ts';
import { Scheduler } from './scheduler.ts';
import { settle } from './settle.ts';
import { Trace } from './trace.ts';
import { Users } from './users.ts';
import { Violation } from './violation.ts';

/** The result of a run that has kept the invariants. */
export interface Outcome {
  readonly counters: Counters;
  /** A digest of all steps, which is equal for equal seeds. */
  readonly digest: number;
}

/** @throws Error that names seed, step, invariant and the last steps, when an invariant breaks. */
export function simulate(seed: number, faults: Faults = {}): Outcome {
  const { stackTraceLimit } = Error;
  try {
    // Errors of refused calls are frequent, and their stack traces would take most of the time.
    Error.stackTraceLimit = 0;
    return new Simulation(seed, faults, false).run();
  } catch {
    Error.stackTraceLimit = stackTraceLimit;
    // The run is repeated with its trace in words.
    throw explain(seed, faults);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function explain(seed: number, faults: Faults): Error {
  const simulation = new Simulation(seed, faults, true);
  try {
    simulation.run();
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    const invariant = error instanceof Violation ? '' : 'the core fails: ';
    const { steps, now } = simulation.scheduler;
    return new Error(
      `seed ${seed}, step ${steps}, time ${now.toFixed(1)}: ${invariant}${what}\n` +
        `${simulation.trace.lines.join('\n')}\n` +
        `again: BABUZA_SEED=${seed} BABUZA_SIMULATION_SEEDS=1 ` +
        'npx vitest run packages/raft-core/test/simulation-',
      { cause: error },
    );
  }
  return new Error(`seed ${seed} fails, and does not when it is run again: not deterministic`);
}

class Simulation implements World {
  readonly faults: Faults;
  readonly options: Options;
  readonly random: Random;
  readonly scheduler: Scheduler = new Scheduler();
  readonly counters: Counters = new Counters();
  readonly trace: Trace;
  readonly checker: Checker;
  readonly reads: Reads;
  isCalm = false;
  readonly #nodes: Map<bigint, SimulatedNode> = new Map();
  readonly #network: Network;

  constructor(seed: number, faults: Faults, keepsLines: boolean) {
    this.faults = faults;
    this.random = new Random(seed);
    this.options = drawOptions(seed, this.random);
    this.trace = new Trace(keepsLines);
    this.reads = new Reads(this.scheduler, this.counters, {
      trustsLease: this.options.core.readOnlyOption === ReadOnlyOption.LeaseBased,
      holdsSingleVoters: faults.holdsSingleVotersToReads === true,
    });
    this.checker = new Checker(this.#nodes, this.reads, this.counters);
    this.#network = new Network(this, this.#nodes);
    const { voters, learners, spares } = this.options;
    for (const id of [...voters, ...learners, ...spares]) {
      this.#nodes.set(id, new SimulatedNode(id, this));
    }
  }

  run(): Outcome {
    const { scheduler, counters, options } = this;
    const nodes = [...this.#nodes.values()];
    this.#found();
    for (const node of nodes) node.start();
    const users = new Users(this, nodes);
    const misfortune = new Misfortune(this, nodes, this.#network);
    while (scheduler.now < options.hostileMs && scheduler.step()) {
      // Each step checks what it has changed.
    }
    this.isCalm = true;
    misfortune.end();
    settle(this, nodes, users);
    counters.add('seeds');
    counters.add('steps', scheduler.steps);
    return { counters, digest: this.trace.digest };
  }

  send(message: Message): void {
    this.#network.send(message);
  }

  #found(): void {
    const { voters, learners, founding } = this.options;
    if (founding === 'bootstrap') {
      this.checker.found(voters.length, 1);
      return;
    }
    this.checker.found(1, 1);
    const none: readonly bigint[] = [];
    const confState: ConfState = {
      voters,
      learners,
      votersOutgoing: none,
      learnersNext: none,
      autoLeave: false,
    };
    for (const id of [...voters, ...learners]) {
      this.#nodes.get(id)?.disk.found({ metadata: { index: 1, term: 1, confState } });
    }
  }
}
