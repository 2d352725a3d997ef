/**
 * The commands of `confchange/testdata`, which test `membership/conf-change.ts` alone. Source:
 * etcd-io/raft `confchange/datadriven_test.go`.
 */

import { enterJoint, leaveJoint, simpleChange } from '../../src/membership/conf-change.ts';
import { describeMembership, describeProgressMap } from '../../src/describe/index.ts';
import { ascending } from '../../src/ids.ts';
import { Inflights } from '../../src/tracker/inflights.ts';
import { emptyMembership, type Membership } from '../../src/tracker/membership-config.ts';
import { asBool, option, valueOf } from './arguments.ts';
import { DirectiveError } from './directive-error.ts';
import type { Directive } from './grammar.ts';
import { parseOperations } from './operations.ts';

export class ConfChangeEnvironment {
  #membership: Membership = { config: emptyMembership, progress: new Map() };
  #lastIndex = 0;

  run(directive: Directive): string {
    try {
      this.#membership = this.#changed(directive);
    } catch (error) {
      if (error instanceof DirectiveError) return error.message;
      if (error instanceof Error && 'code' in error) return error.message;
      throw error;
    } finally {
      this.#lastIndex += 1;
    }
    const { config, progress } = this.#membership;
    const members = [...progress.values()].sort((a, b) => ascending(a.id, b.id));
    return `${describeMembership(config)}\n${describeProgressMap(members)}`;
  }

  #changed(directive: Directive): Membership {
    const operations = parseOperations(directive.input);
    const defaults = {
      lastIndex: this.#lastIndex,
      newInflights: () => new Inflights(10, Infinity),
    };
    switch (directive.command) {
      case 'simple':
        return simpleChange(this.#membership, operations, defaults);
      case 'enter-joint': {
        const autoLeave = option(directive, 'autoleave');
        const value = autoLeave === undefined ? false : asBool(valueOf(autoLeave));
        return enterJoint(this.#membership, value, operations, defaults);
      }
      case 'leave-joint':
        if (operations.length > 0) throw new DirectiveError('this command takes no input');
        return leaveJoint(this.#membership);
      default:
        throw new DirectiveError('unknown command');
    }
  }
}
