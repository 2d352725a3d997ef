/** The actions of users and operators on the nodes of a group. */

import { ReadOnlyOption, StateType, type RawNode } from '../../src/index.ts';
import { drawChange, drawForwardedChange } from './changes.ts';
import type { SimulatedNode } from './node.ts';
import type { World } from './world.ts';

export class Users {
  readonly #world: World;
  readonly #nodes: readonly SimulatedNode[];
  #serial = 0;

  constructor(world: World, nodes: readonly SimulatedNode[]) {
    this.#world = world;
    this.#nodes = nodes;
    this.#repeat(world.options.useEveryMs, () => this.#use(world.random.pick(nodes)));
    this.#repeat(world.options.changeEveryMs, () => this.#change());
  }

  /** Makes a new proposal. Returns its position in the log when this node leads. */
  propose(node: SimulatedNode): number | undefined {
    const { counters, random } = this.#world;
    let index: number | undefined;
    const data = this.#bytes('p', random.below(40));
    node.act('proposes', (raw) => {
      counters.add('proposals');
      index = raw.propose(data)?.index;
    });
    return index;
  }

  #repeat(everyMs: number, action: () => void): void {
    const { random, scheduler } = this.#world;
    scheduler.after(everyMs * 2 * random.next(), () => {
      if (this.#world.isCalm) return;
      action();
      this.#repeat(everyMs, action);
    });
  }

  #use(node: SimulatedNode): void {
    const { random } = this.#world;
    const roll = random.below(100);
    if (roll < 60) this.propose(random.chance(0.7) ? this.#leaderOr(node) : node);
    else if (roll < 85) this.#read(random.chance(0.5) ? this.#leaderOr(node) : node);
    else if (roll < 88) this.#transfer(random.chance(0.7) ? this.#leaderOr(node) : node);
    else if (roll < 89) node.act('campaigns', (raw) => raw.campaign());
    else if (roll < 91 && node.leads) this.#withdraw(node, roll === 89);
    else if (roll < 91) this.#forgetLeader(node);
    else node.act('takes a snapshot', () => node.takeSnapshot());
  }

  #read(node: SimulatedNode): void {
    const { reads, checker } = this.#world;
    const context = this.#bytes('r', 0);
    node.act('asks to read', (raw) => {
      reads.asked(context, checker.ledger.commit);
      raw.readIndex(context);
    });
  }

  #transfer(node: SimulatedNode): void {
    const { random, counters } = this.#world;
    const to = random.pick(this.#nodes).id;
    node.act(`asks for a transfer to ${to}`, (raw) => {
      if (raw.unsafeRaft.lead !== 0n) counters.add('transfersAsked');
      raw.transferLeader(to);
    });
  }

  #forgetLeader(node: SimulatedNode): void {
    const { counters, options } = this.#world;
    node.act('forgets its leader', (raw) => {
      const { state, lead } = raw.unsafeRaft;
      const isSafe = options.core.readOnlyOption === ReadOnlyOption.Safe;
      if (isSafe && state === StateType.Follower && lead !== 0n) counters.add('leadersForgotten');
      raw.forgetLeader();
    });
  }

  /**
   * Makes a leader step down, as one whose disk hangs does, or doubt its members, as one whose
   * process was stopped does.
   */
  #withdraw(leader: SimulatedNode, givesUp: boolean): void {
    leader.act(givesUp ? 'steps down' : 'doubts its members', (raw) => {
      this.#world.counters.add('withdrawals');
      if (givesUp) raw.stepDown();
      else raw.doubtMembers();
    });
  }

  #change(): void {
    const { random } = this.#world;
    const ids = this.#nodes.map(({ id }) => id);
    if (random.chance(0.1)) {
      const change = drawForwardedChange(random, ids);
      random.pick(this.#nodes).act('proposes a change', (raw) => raw.proposeConfChange(change));
      return;
    }
    this.#leaderOr(random.pick(this.#nodes)).act('proposes a change', (raw) =>
      proposeAsLeader(raw, () => {
        const { config } = raw.unsafeRaft.tracker;
        raw.proposeConfChange(drawChange(random, ids, config));
      }),
    );
  }

  /** A random leader, perhaps of an older term, or `other` when there is none. */
  #leaderOr(other: SimulatedNode): SimulatedNode {
    const leaders = this.#nodes.filter(({ leads }) => leads);
    return leaders.length === 0 ? other : this.#world.random.pick(leaders);
  }

  #bytes(kind: string, padding: number): Uint8Array {
    this.#serial += 1;
    return new TextEncoder().encode(`${kind}${this.#serial}${'.'.repeat(padding)}`);
  }
}

function proposeAsLeader(raw: RawNode, propose: () => void): void {
  if (raw.unsafeRaft.state === StateType.Leader) propose();
}
