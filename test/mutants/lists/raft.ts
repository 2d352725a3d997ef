import type { Mutant } from '../mutant.ts';

const overEntries = 'raft/test/install-over-entries.test.ts';
const restore = 'raft/test/snapshot-restore.test.ts';
const holds = 'raft/test/snapshot-holds.test.ts';
const recorded = 'raft/test/recorded-snapshots.test.ts';

export const raft: readonly Mutant[] = [
  // Errors in the small classes of the node, each caught by a test of that class.
  {
    name: 'requests are known for half as long as a copy is taken',
    file: 'raft/src/proposals/forwarded-requests.ts',
    find: 'const rest = request % knownMax;',
    replace: 'const rest = request % (knownMax / 2);',
    caughtBy: [
      'raft/test/forwarded-requests-bounds.test.ts',
      'are refused when they are repeated, each of the newest of 12288',
    ],
  },
  {
    name: 'a request that was just forgotten counts as new',
    file: 'raft/src/proposals/forwarded-requests.ts',
    find: 'const isOld = request <= incarnation.newest - knownMax;',
    replace: 'const isOld = request < incarnation.newest - knownMax;',
    caughtBy: [
      'raft/test/forwarded-requests-bounds.test.ts',
      'reach back 4,095 numbers: what comes late is taken there, and no further',
    ],
  },
  {
    name: 'only one run of each sender is remembered',
    file: 'raft/src/proposals/forwarded-requests.ts',
    find: 'const incarnationsKept = 2;',
    replace: 'const incarnationsKept = 1;',
    caughtBy: [
      'raft/test/forwarded-requests-bounds.test.ts',
      'are those of two incarnations of a sender: the one before and the newest',
    ],
  },
  {
    name: 'a message with one new proposal is taken whole',
    file: 'raft/src/proposals/forwarded-requests.ts',
    find: 'entries.every((entry)',
    replace: 'entries.some((entry)',
    caughtBy: [
      'raft/test/forwarded-requests-bounds.test.ts',
      'is not taken where one of them is known, wherever it stands',
    ],
  },
  {
    name: 'the first request of a sender counts as its newest one for ever',
    file: 'raft/src/proposals/forwarded-requests.ts',
    find: 'incarnation.newest = Math.max(incarnation.newest, request);',
    replace: '',
    caughtBy: [
      'raft/test/forwarded-requests-bounds.test.ts',
      'are refused when they are repeated, each of the newest of 12288',
    ],
  },
  {
    name: 'a request is taken for an older one that used the same slot',
    file: 'raft/src/proposals/forwarded-requests.ts',
    find: 'incarnation.known[rest] === request + 1',
    replace: 'incarnation.known[rest] !== 0',
    caughtBy: [
      'raft/test/forwarded-requests-bounds.test.ts',
      'are refused when they are repeated, each of the newest of 12288',
    ],
  },
  {
    name: 'the request numbers of one incarnation start again when all are used',
    file: 'raft/src/proposals/envelope.ts',
    find: 'return (number + 1) % requestNumbers;',
    replace:
      'return (number + 1) % requestsPerIncarnation === 0 ? number + 1 - requestsPerIncarnation : number + 1;',
    caughtBy: [
      'raft/test/envelope.test.ts',
      'is the next one of its incarnation, and that of a new incarnation where all of those are used',
    ],
  },
  {
    name: 'a forgotten request is not refused',
    file: 'raft/src/proposals/forwarded-requests.ts',
    find: 'if (isOld || incarnation.known',
    replace: 'if (incarnation.known',
    caughtBy: [
      'raft/test/forwarded-requests-bounds.test.ts',
      'reach back 4,095 numbers: what comes late is taken there, and no further',
    ],
  },
  {
    name: 'the newest run of a sender is forgotten',
    file: 'raft/src/proposals/forwarded-requests.ts',
    find: 'for (const old of incarnations.keys()) {',
    replace: 'for (const old of [...incarnations.keys()].toReversed()) {',
    caughtBy: [
      'raft/test/forwarded-requests-bounds.test.ts',
      'are refused when they come from an incarnation before those',
    ],
  },
  {
    name: 'a proposal of a run of its sender that has ended counts as new',
    file: 'raft/src/proposals/forwarded-requests.ts',
    find: 'if (ended.has(number)) return undefined;',
    replace: '',
    caughtBy: [
      'raft/test/forwarded-requests-bounds.test.ts',
      'are refused when they come from an incarnation before those, and leave the newer ones known',
    ],
  },
  {
    name: 'a caller who leaves removes the waiter of another proposal',
    file: 'raft/src/proposals/waiters.ts',
    find: 'if (this.#placed.get(index)?.waiter === waiter) this.#placed.delete(index);',
    replace: 'this.#placed.delete(index);',
    caughtBy: [
      'raft/test/proposal-waiters.test.ts',
      'are told that it was dropped when another proposal takes the index',
    ],
  },
  {
    name: 'a caller whose index another proposal takes is not told',
    file: 'raft/src/proposals/waiters.ts',
    find: `    this.#dropAt(index);
    this.#placed.set`,
    replace: '    this.#placed.set',
    caughtBy: [
      'raft/test/proposal-waiters.test.ts',
      'are told that it was dropped when another proposal takes the index',
    ],
  },
  {
    name: 'the caller at the index of an installed snapshot is not told',
    file: 'raft/src/proposals/waiters.ts',
    find: 'if (at > index) continue;',
    replace: 'if (at >= index) continue;',
    caughtBy: [
      'raft/test/proposal-waiters.test.ts',
      'are told by an installed snapshot up to its index, that index included',
    ],
  },
  {
    name: 'callers of an older term are not told',
    file: 'raft/src/proposals/waiters.ts',
    find: 'if (term > this.#term) this.#dropOlderThan(term);',
    replace: '',
    caughtBy: [
      'raft/test/proposal-waiters.test.ts',
      'are told when an entry of a newer term is reached before theirs',
    ],
  },
  {
    name: 'callers of the term that is reached are told that they were dropped',
    file: 'raft/src/proposals/waiters.ts',
    find: 'if (placed.term >= term) continue;',
    replace: 'if (placed.term > term) continue;',
    caughtBy: [
      'raft/test/proposal-waiters.test.ts',
      'are told when an entry of a newer term is reached before theirs',
    ],
  },
  {
    name: 'the first caller who leaves removes the listener of the others',
    file: 'raft/src/support/abort-watchers.ts',
    find: 'if (calls.size > 0 || watched.get(signal)?.calls !== calls) return;',
    replace: '',
    caughtBy: [
      'raft/test/proposal-waiters.test.ts',
      'that leave twice do not affect those that came since',
    ],
  },
  {
    name: 'a marker of a snapshot is dropped where much waits',
    file: 'raft/src/driver/append-path.ts',
    find: 'hardState === undefined && snapshot === undefined &&',
    replace: 'hardState === undefined &&',
    caughtBy: [
      'raft/test/append-path-ends.test.ts',
      'are dropped from 1,024 works on, and what has something to save never is: 1023 before',
    ],
  },
  {
    name: 'entries are dropped where much waits',
    file: 'raft/src/driver/append-path.ts',
    find: 'if (this.#works.length >= waitingMax && hasNothing(batch)) return;',
    replace: 'if (this.#works.length >= waitingMax) return;',
    caughtBy: [
      'raft/test/append-path-ends.test.ts',
      'are dropped from 1,024 works on, and what has something to save never is: 1024 before',
    ],
  },
  {
    name: 'a caller that waits for a save is not told that the node stops',
    file: 'raft/src/driver/append-path.ts',
    find: 'for (const { stopped } of works) stopped?.(error);',
    replace: 'void works;',
    caughtBy: [
      'raft/test/append-path-ends.test.ts',
      'every caller that waits for a save or a sync is told, and gets no later answer',
    ],
  },
  {
    name: 'a caller that waits for a sync is not told that the node stops',
    file: 'raft/src/driver/append-path.ts',
    find: 'this.#rejectStopping(error);',
    replace: '',
    caughtBy: ['raft/test/append-path-ends.test.ts', 'a sync that waits to be made again ends'],
  },
  {
    name: 'a save after the end waits for ever',
    file: 'raft/src/driver/append-path.ts',
    find: `      work.stopped?.(new StoppedError());
      return;`,
    replace: '      return;',
    caughtBy: [
      'raft/test/append-path-ends.test.ts',
      'every caller that waits for a save or a sync is told, and gets no later answer',
    ],
  },
  {
    name: 'a failed log counts as one that is full',
    file: 'raft/src/driver/append-path.ts',
    find: `return code === 'WAL_NO_SPACE' || code === 'WAL_TRY_AGAIN';`,
    replace: `return typeof code === 'string' && code.startsWith('WAL_');`,
    caughtBy: [
      'raft/test/append-path-ends.test.ts',
      'stops the node where the log is poisoned, while another waits',
    ],
    promise: 'failed write',
  },
  {
    name: 'a sync of the node does not wait for the saves before it',
    file: 'raft/src/driver/append-path.ts',
    find: 'await this.save({});',
    replace: '',
    caughtBy: [
      'raft/test/append-path-ends.test.ts',
      'waits for the saves that a full disk has refused',
    ],
    promise: 'killed process',
  },
  {
    name: 'a sync that failed counts as done',
    file: 'raft/src/driver/append-path.ts',
    find: 'if (!isRefusal(error)) throw error;',
    replace: 'if (!isRefusal(error)) return;',
    caughtBy: [
      'raft/test/append-path-ends.test.ts',
      'that is refused is made again, and one that fails is told',
    ],
    promise: 'failed write',
  },
  {
    name: 'entries behind one that failed are applied',
    file: 'raft/src/apply/apply-path.ts',
    find: `      this.#stopped = true;
      this.#parts.onFailure(error);
    } finally {
      this.#running = undefined;`,
    replace: `      this.#parts.onFailure(error);
    } finally {
      this.#running = undefined;
      if (this.#tasks.length > 0) this.#running = this.#runAll();`,
    caughtBy: [
      'raft/test/apply-path-ends.test.ts',
      'stops the node once, and nothing behind it is applied or answered',
    ],
  },
  {
    name: 'the end of a node does not wait for the task under way',
    file: 'raft/src/apply/apply-path.ts',
    find: 'await this.#running;',
    replace: '',
    caughtBy: [
      'raft/test/apply-path-ends.test.ts',
      'waits for the task under way, and begins no other',
    ],
  },
  {
    name: 'tasks run after the end',
    file: 'raft/src/apply/apply-path.ts',
    find: 'if (this.#stopped) return;',
    replace: '',
    caughtBy: [
      'raft/test/apply-path-ends.test.ts',
      'waits for the task under way, and begins no other',
    ],
  },
  {
    name: 'the tasks that wait run after the end',
    file: 'raft/src/apply/apply-path.ts',
    find: `    this.#stopped = true;
    this.#tasks.length = 0;
    await`,
    replace: `    this.#stopped = true;
    await`,
    caughtBy: [
      'raft/test/apply-path-ends.test.ts',
      'waits for the task under way, and begins no other',
    ],
  },
  {
    name: 'entries count as applied before they are',
    file: 'raft/src/apply/apply-path.ts',
    find: `      await this.#entries.apply(entries);
      done();`,
    replace: `      done();
      await this.#entries.apply(entries);`,
    caughtBy: [
      'raft/test/apply-path-ends.test.ts',
      'run one after the other, also where one waits',
    ],
  },
  {
    name: 'the last entry that a snapshot covers is applied again',
    file: 'raft/src/apply/committed-entries.ts',
    find: 'if (entry.index <= state.appliedIndex) continue;',
    replace: 'if (entry.index < state.appliedIndex) continue;',
    caughtBy: [
      'raft/test/committed-entries.test.ts',
      'is not applied again: below and at the applied index, and the one above is',
    ],
  },
  {
    name: 'two proposals of a session are judged at once',
    file: 'raft/src/apply/committed-entries.ts',
    find: '(session !== undefined && this.#gatheredSessions.has(session.sessionId))',
    replace: 'false',
    caughtBy: [
      'raft/test/committed-entries.test.ts',
      'of a session are each judged with the result of the one before',
    ],
  },
  {
    name: 'the last entry that the machine has is given to it again',
    file: 'raft/src/apply/committed-entries.ts',
    find: 'entry.index > machineAppliedIndex)',
    replace: 'entry.index >= machineAppliedIndex)',
    caughtBy: [
      'raft/test/committed-entries.test.ts',
      'is not given to a machine on disk any more, whose results are those of the rest',
    ],
  },
  {
    name: 'results of a batch that the machine has in part are shifted',
    file: 'raft/src/apply/committed-entries.ts',
    find: 'const resultLost = entry.index <= machineAppliedIndex;',
    replace: 'const resultLost = entry.index < machineAppliedIndex;',
    caughtBy: [
      'raft/test/committed-entries.test.ts',
      'is remembered in its session as one whose result is lost',
    ],
  },
  {
    name: 'a covered change takes the membership of the core away',
    file: 'raft/src/apply/committed-entries.ts',
    find: 'if (confState !== undefined) state.confState = confState;',
    replace: 'state.confState = confState;',
    caughtBy: [
      'raft/test/committed-entries.test.ts',
      'that a snapshot covers leaves what the core has',
    ],
  },
  {
    name: 'the applied term stays',
    file: 'raft/src/apply/committed-entries.ts',
    find: 'state.appliedTerm = entry.term;',
    replace: '',
    caughtBy: ['raft/test/committed-entries.test.ts', 'reach the machine as one call'],
  },
  {
    name: 'an entry without effect overtakes proposals',
    file: 'raft/src/apply/committed-entries.ts',
    find: `        await this.#flush();
        this.#finish(entry, undefined, { kind: 'applied'`,
    replace: `        this.#finish(entry, undefined, { kind: 'applied'`,
    caughtBy: [
      'raft/test/committed-entries.test.ts',
      'are applied before an entry without effect between them',
    ],
  },
  {
    name: 'a duplicate overtakes proposals',
    file: 'raft/src/apply/committed-entries.ts',
    find: `        await this.#flush();
        if (verdict.kind`,
    replace: '        if (verdict.kind',
    caughtBy: [
      'raft/test/committed-entries.test.ts',
      'and a duplicate behind them has its turn behind them',
    ],
  },
  {
    name: 'two sends of one index share one hold',
    file: 'raft/src/snapshots/snapshot-sending.ts',
    find: 'this.indexes.push(metadata.index);',
    replace: 'if (!this.indexes.includes(metadata.index)) this.indexes.push(metadata.index);',
    caughtBy: [
      'raft/test/snapshot-sending.test.ts',
      'of another index stays held when a send ends',
    ],
  },
  {
    name: 'a hold stays after the send',
    file: 'raft/src/snapshots/snapshot-sending.ts',
    find: 'this.indexes.splice(this.indexes.indexOf(metadata.index), 1);',
    replace: '',
    caughtBy: ['raft/test/snapshot-sending.test.ts', 'is held until another one is made'],
  },
  {
    name: 'the end of a send gives the oldest hold back',
    file: 'raft/src/snapshots/snapshot-sending.ts',
    find: 'this.indexes.splice(this.indexes.indexOf(metadata.index), 1);',
    replace: 'this.indexes.shift();',
    caughtBy: [
      'raft/test/snapshot-sending.test.ts',
      'of another index stays held when a send ends',
    ],
  },
  {
    name: 'the core is not told of a replaced snapshot',
    file: 'raft/src/snapshots/snapshot-sending.ts',
    find: 'else report(arrived);',
    replace: 'else if (arrived) report(true);',
    caughtBy: [
      'raft/test/snapshot-sending.test.ts',
      'is replaced where it is damaged, and the core asks again without a pause',
    ],
  },
  {
    name: 'the snapshot stays open after the send',
    file: 'raft/src/snapshots/snapshot-sending.ts',
    find: 'await using pinned = await manager.read(metadata);',
    replace: 'const pinned = await manager.read(metadata);',
    caughtBy: [
      'raft/test/snapshot-sending.test.ts',
      'is held from the call on, until the last of its sends has ended',
    ],
  },
  {
    name: 'a send does not end with the node',
    file: 'raft/src/snapshots/snapshot-sending.ts',
    find: 'await transport.sendSnapshot(message, open, signal);',
    replace: 'await transport.sendSnapshot(message, open, new AbortController().signal);',
    caughtBy: ['raft/test/snapshot-sending.test.ts', 'a send ends with the node'],
  },
  {
    name: 'the log is held one turn too late for a snapshot that is sent',
    file: 'raft/src/snapshots/snapshot-sending.ts',
    find: `    this.indexes.push(metadata.index);
    const outcome`,
    replace: `    await Promise.resolve();
    this.indexes.push(metadata.index);
    const outcome`,
    caughtBy: [
      'raft/test/snapshot-sending.test.ts',
      'is held from the call on, until the last of its sends has ended',
    ],
  },
  {
    name: 'a snapshot that the member cannot use is sent',
    file: 'raft/src/snapshots/snapshot-sending.ts',
    find: 'if (!isMember(metadata.confState, message.to)) {',
    replace: 'if (metadata.index === 0) {',
    caughtBy: [
      'raft/test/snapshot-sending.test.ts',
      'that a newer one for a member that joined since failed',
    ],
  },
  {
    name: 'a snapshot counts before its marker is durable',
    file: 'raft/src/snapshots/recorded-snapshots.ts',
    find: 'await append.save({ snapshot: metadata });',
    replace: 'void append.save({ snapshot: metadata });',
    caughtBy: [
      'raft/test/recorded-snapshots-order.test.ts',
      'does not count when its record fails, while another waits',
    ],
    promise: 'created snapshot',
  },
  {
    name: 'an own snapshot is recorded behind one that was installed',
    file: 'raft/src/snapshots/recorded-snapshots.ts',
    find: 'if (metadata.index < this.#newestIndex) return;',
    replace: '',
    caughtBy: [
      'raft/test/recorded-snapshots-order.test.ts',
      'gets its marker only where it is not older than one that is installed: older',
    ],
  },
  {
    name: 'the log is purged under a snapshot that is sent',
    file: 'raft/src/snapshots/recorded-snapshots.ts',
    find: 'marginIndex, ...indexes, ...sending.indexes)',
    replace: 'marginIndex, ...indexes)',
    caughtBy: [
      'raft/test/recorded-snapshots-order.test.ts',
      'are tidied twice at once without harm',
    ],
  },
  {
    name: 'the log is purged under the oldest snapshot',
    file: 'raft/src/snapshots/recorded-snapshots.ts',
    find: 'Math.min(marginIndex, ...indexes,',
    replace: 'Math.min(marginIndex,',
    caughtBy: [
      'raft/test/recorded-snapshots-order.test.ts',
      'goes up to the oldest snapshot that is kept, less the margin behind the newest',
    ],
    promise: 'purge',
  },
  {
    name: 'files without a durable marker count among those that are kept',
    file: 'raft/src/snapshots/recorded-snapshots.ts',
    find: 'config.snapshotsKept + unrecorded',
    replace: 'config.snapshotsKept',
    caughtBy: [
      'raft/test/recorded-snapshots-order.test.ts',
      'whose record is submitted stay, and do not displace a snapshot that counts',
    ],
    promise: 'removed snapshot',
  },
  {
    name: 'files whose marker is on its way are removed',
    file: 'raft/src/snapshots/recorded-snapshots.ts',
    find: 'this.#markers.has(name) || this.#submitted.has(name)',
    replace: 'this.#markers.has(name)',
    caughtBy: [
      'raft/test/recorded-snapshots-order.test.ts',
      'whose record is submitted stay, and do not displace a snapshot that counts',
    ],
    promise: 'removed snapshot',
  },
  {
    name: 'an installed snapshot does not count as the newest',
    file: 'raft/src/snapshots/recorded-snapshots.ts',
    find: 'this.#newestIndex = Math.max(this.#newestIndex, metadata.index);',
    replace: '',
    caughtBy: [
      'raft/test/recorded-snapshots-order.test.ts',
      'is not shown in place of one that was installed while its record was written',
    ],
  },
  {
    name: 'the storage shows an older snapshot again',
    file: 'raft/src/snapshots/recorded-snapshots.ts',
    find: 'if (metadata.index === this.#newestIndex) storage.createSnapshot',
    replace: 'storage.createSnapshot',
    caughtBy: [
      'raft/test/recorded-snapshots-order.test.ts',
      'is not shown in place of one that was installed while its record was written',
    ],
  },
  {
    name: 'a file that could not be written does not end the snapshot',
    file: 'raft/src/snapshots/snapshot-files.ts',
    find: `if (written.status === 'rejected') throw written.reason;`,
    replace: '',
    caughtBy: [
      'raft/test/chunk-channel.test.ts',
      'are not created when one cannot be written and the state machine ignores it',
    ],
    promise: 'created snapshot',
  },
  {
    name: 'a state that was saved in part counts',
    file: 'raft/src/snapshots/snapshot-files.ts',
    find: `if (saved.status === 'rejected') throw saved.reason;`,
    replace: '',
    caughtBy: [
      'raft/test/chunk-channel.test.ts',
      'are not created when a manager stops in the middle of the state',
    ],
    promise: 'created snapshot',
  },
  {
    name: 'a writer waits for a file that failed',
    file: 'raft/src/snapshots/snapshot-files.ts',
    find: `    channel.fail(error instanceof Error ? error : new Error(String(error)));
    throw error;
  });
  const writer`,
    replace: `    throw error;
  });
  const writer`,
    caughtBy: [
      'raft/test/chunk-channel.test.ts',
      'are not created when one cannot be written, and the state machine is told',
    ],
  },
  {
    name: 'a snapshot that is used counts as unused',
    file: 'raft/src/snapshots/snapshot-pauses.ts',
    find: 'matchIndex >= arrivedIndex',
    replace: 'matchIndex > arrivedIndex',
    caughtBy: ['raft/test/snapshot-pauses.test.ts', 'one that is used ends the pauses'],
  },
  {
    name: 'pauses go on in another term',
    file: 'raft/src/snapshots/snapshot-pauses.ts',
    find: 'sends.term !== term || matchIndex',
    replace: 'matchIndex',
    caughtBy: ['raft/test/snapshot-pauses.test.ts', 'another leader begins with the first pause'],
  },
  {
    name: 'a caller gets a snapshot that was fixed before the call',
    file: 'raft/src/snapshots/snapshots.ts',
    find: '(this.#isFixed ? this.#nextWaiters : this.#waiters).push(waiter);',
    replace: 'this.#waiters.push(waiter);',
    caughtBy: ['raft/test/snapshots.test.ts', 'while another one fails gets its own'],
  },
  {
    name: 'a caller that comes while a snapshot is made waits for ever',
    file: 'raft/src/snapshots/snapshots.ts',
    find: 'for (const waiter of this.#nextWaiters.splice(0)) this.take(waiter);',
    replace: '',
    caughtBy: ['raft/test/snapshots.test.ts', 'while another one fails gets its own'],
  },
  {
    name: 'a snapshot of another cluster stays',
    file: 'raft/src/snapshots/snapshots.ts',
    find: 'if (!wasEnded) await this.discard(metadata);',
    replace: '',
    caughtBy: ['raft/test/snapshots.test.ts', 'of another cluster is not taken, and its files go'],
    promise: 'identity',
  },
  {
    name: 'a snapshot of another cluster is taken over',
    file: 'raft/src/snapshots/snapshots.ts',
    find: `    await this.#checkIdentity(metadata, either);
`,
    replace: '',
    caughtBy: ['raft/test/snapshots.test.ts', 'of another cluster is not taken, and its files go'],
    promise: 'identity',
  },
  {
    name: 'the end of a node does not wait for the save of the state',
    file: 'raft/src/snapshots/snapshots.ts',
    find: 'await this.#saving;',
    replace: '',
    caughtBy: [
      'raft/test/snapshots.test.ts',
      'waits for a machine that saves its state, and for nothing else',
    ],
  },
  {
    name: 'a change that needs joint consensus ends in the middle of it',
    file: 'raft/src/membership/membership-changes.ts',
    find: `    if (this.#isJoint()) {
      await waiting`,
    replace: `    if (false) {
      await waiting`,
    caughtBy: ['raft/test/membership-changes.test.ts', 'ends when that was left, and not before'],
  },
  {
    name: 'a caller that waits for the end of joint consensus is not told that the node stops',
    file: 'raft/src/membership/membership-changes.ts',
    find: `    for (const waiter of this.#untilLeft) waiter.reject(cause);
`,
    replace: '',
    caughtBy: [
      'raft/test/membership-changes.test.ts',
      'is told of the end, also of one that came as its entry was applied',
    ],
  },
  {
    name: 'a member that was only added counts as one that answers',
    file: 'raft/src/membership/membership-changes.ts',
    find: 'return known !== undefined && known.recentActive && known.match > 0;',
    replace: 'return known?.recentActive === true;',
    caughtBy: [
      'raft/test/membership-changes.test.ts',
      'does not count a voter that was added and has not answered',
    ],
  },
  {
    name: 'a member that answered once counts as one that answers',
    file: 'raft/src/membership/membership-changes.ts',
    find: 'return known !== undefined && known.recentActive && known.match > 0;',
    replace: 'return known !== undefined && known.match > 0;',
    caughtBy: [
      'raft/test/membership-changes.test.ts',
      'is waited for no longer than this node leads, the signal lets it, and the node runs',
    ],
  },
  {
    name: 'a change that the core refused counts as made',
    file: 'raft/src/membership/membership-changes.ts',
    find: 'if (!isMembershipEntry(entry)) {',
    replace: 'if (false) {',
    caughtBy: [
      'raft/test/membership-changes.test.ts',
      'that the core has replaced by an empty entry was not made',
    ],
  },
  {
    name: 'messages of a member that is refused are taken',
    file: 'raft/src/incoming/incoming.ts',
    find: 'if (identity.admission.takesFrom(message.from)) {',
    replace: 'if (identity.admission.takesFrom(message.from) || message.from > 0n) {',
    caughtBy: ['raft/test/incoming.test.ts', 'of a member that is refused does not reach the core'],
    promise: 'identity',
  },
  {
    name: 'snapshots of a member that is refused are taken',
    file: 'raft/src/incoming/incoming.ts',
    find: `      checkTaken(message);
`,
    replace: '',
    caughtBy: ['raft/test/incoming.test.ts', 'of a member that is refused is not received'],
    promise: 'identity',
  },
  {
    name: 'a snapshot that comes without its files reaches the core',
    file: 'raft/src/incoming/incoming.ts',
    find: 'if (message.type === MessageType.Snap) return false;',
    replace: '',
    caughtBy: [
      'raft/test/incoming.test.ts',
      'with a snapshot but without its files does not reach the core',
    ],
    promise: 'received snapshot',
  },
  {
    name: 'a node that does not lead takes forwarded proposals',
    file: 'raft/src/incoming/incoming.ts',
    find: 'return leads(node.basicStatus()) && forwarded.take(message);',
    replace: 'return forwarded.take(message);',
    caughtBy: [
      'raft/test/incoming.test.ts',
      'does not reach a core in state 0, and is not taken for repeated when this node leads',
    ],
  },
  {
    name: 'a node that does not lead remembers forwarded proposals',
    file: 'raft/src/incoming/incoming.ts',
    find: 'return leads(node.basicStatus()) && forwarded.take(message);',
    replace: 'return forwarded.take(message) && leads(node.basicStatus());',
    caughtBy: [
      'raft/test/incoming.test.ts',
      'does not reach a core in state 0, and is not taken for repeated when this node leads',
    ],
  },
  {
    name: 'the request of another node answers a caller',
    file: 'raft/src/proposals/proposals.ts',
    find: 'if (request === undefined || request.nodeId !== this.#parts.nodeId) return undefined;',
    replace: 'if (request === undefined) return undefined;',
    caughtBy: [
      'raft/test/proposals-ends.test.ts',
      'is answered by the entry with its number, and by no other',
    ],
  },
  {
    name: 'a forwarded proposal that is lost waits for ever',
    file: 'raft/src/proposals/proposals.ts',
    find: `      waiter.reject(
        new OutcomeUnknownError(\`no answer to the forwarded`,
    replace: `      void String(
        new OutcomeUnknownError(\`no answer to the forwarded`,
    caughtBy: [
      'raft/test/proposals-ends.test.ts',
      'without an answer ends after its timeout: 1000 ms',
    ],
  },
  {
    name: 'the timer of a forwarded proposal goes on',
    file: 'raft/src/proposals/proposals.ts',
    find: `      timer.cancel();
      remove();`,
    replace: '      remove();',
    caughtBy: [
      'raft/test/proposals-ends.test.ts',
      'leaves no timer and no waiter behind, whatever ends it',
    ],
  },
  {
    name: 'the request of a forwarded proposal stays',
    file: 'raft/src/proposals/proposals.ts',
    find: `      timer.cancel();
      remove();`,
    replace: '      timer.cancel();',
    caughtBy: [
      'raft/test/proposals-ends.test.ts',
      'leaves no timer and no waiter behind, whatever ends it',
    ],
  },
  {
    name: 'the largest proposal does not fit into an entry',
    file: 'raft/src/proposals/proposals.ts',
    find: 'entryBytesMax - envelopeOverheadMax - entryOverheadBytes',
    replace: 'entryBytesMax - entryOverheadBytes',
    caughtBy: [
      'raft/test/proposals-ends.test.ts',
      'and one byte more is refused, and counts as failed',
    ],
  },
  {
    name: 'queued proposals are not refused at the end',
    file: 'raft/src/proposals/proposals.ts',
    find: 'this.#queue.refuseAll(cause);',
    replace: '',
    caughtBy: [
      'raft/test/proposals-ends.test.ts',
      'that has not reached the core when the node stops is certainly not applied',
    ],
  },
  {
    name: 'the bytes of a batch are never given back',
    file: 'raft/src/proposals/proposal-queue.ts',
    find: `    this.#bytes = 0;
    return all;`,
    replace: '    return all;',
    caughtBy: ['raft/test/proposal-queue.test.ts', 'begins with no bytes each time'],
  },
  {
    name: 'all proposals of a batch get the index of the first one',
    file: 'raft/src/proposals/proposal-queue.ts',
    find: 'index: place.index + at',
    replace: 'index: place.index',
    caughtBy: [
      'raft/test/proposal-queue.test.ts',
      'has its indexes in the order of the calls, and each call asks for a turn',
    ],
  },
  {
    name: 'only the first caller of a refused batch is told',
    file: 'raft/src/proposals/proposal-queue.ts',
    find: 'else for (const { proposal } of batch) proposal.refused(error);',
    replace: 'else batch[0]?.proposal.refused(error);',
    caughtBy: [
      'raft/test/proposal-queue.test.ts',
      'of 3 that is refused is told to each of its callers',
    ],
  },
  {
    name: 'a caller who left before the turn is kept',
    file: 'raft/src/proposals/proposal-queue.ts',
    find: 'if (queued.left) tidy();',
    replace: '',
    caughtBy: [
      'raft/test/proposal-queue.test.ts',
      'is waited for no more, before the turn and after it (state 2)',
    ],
  },
  {
    name: 'a caller who left after the turn is kept',
    file: 'raft/src/proposals/proposal-queue.ts',
    find: `      queued.left = true;
      queued.tidy();`,
    replace: '      queued.left = true;',
    caughtBy: [
      'raft/test/proposal-queue.test.ts',
      'is waited for no more, before the turn and after it (state 0)',
    ],
  },
  {
    name: 'a reader that comes while a round is under way takes part in it',
    file: 'raft/src/reads/reads.ts',
    find: 'this.#next.add(reader);',
    replace: '(this.#current.size > 0 ? this.#current : this.#next).add(reader);',
    caughtBy: [
      'raft/test/reads-ends.test.ts',
      'to a round whose readers were late does not count for those behind them',
    ],
  },
  {
    name: 'a read is served before its index is applied',
    file: 'raft/src/reads/reads.ts',
    find: 'if (index > appliedIndex) continue;',
    replace: 'if (index > appliedIndex + 1) continue;',
    caughtBy: ['raft/test/reads-ends.test.ts', 'is served when that is applied: 11 of 10'],
  },
  {
    name: 'an answer to a round of an earlier run of the node counts',
    file: 'raft/src/reads/reads.ts',
    find: 'view.setUint32(8, this.#parts.incarnation);',
    replace: '',
    caughtBy: [
      'raft/test/reads-ends.test.ts',
      'to a round of another incarnation, or of another node, does not count',
    ],
  },
  {
    name: 'rounds share their id',
    file: 'raft/src/reads/reads.ts',
    find: 'this.#rounds += 1;',
    replace: 'this.#rounds = 1;',
    caughtBy: [
      'raft/test/reads-ends.test.ts',
      'to a round that all have left does not count for the next',
    ],
  },
  {
    name: 'a read waits for ever',
    file: 'raft/src/reads/reads.ts',
    find: 'if (reader.deadlineMs > nowMs) continue;',
    replace: 'if (reader.deadlineMs >= 0) continue;',
    caughtBy: ['raft/test/reads-ends.test.ts', 'makes room for the next round'],
  },
  {
    name: 'a commit index at the end of the log counts as lost entries',
    file: 'raft/src/incoming/lost-entries.ts',
    find: 'commit <= lastIndex',
    replace: 'commit < lastIndex',
    caughtBy: ['raft/test/lost-entries.test.ts', 'with commit index 10, where the log ends at 10'],
  },
  {
    name: 'any message counts as a sign of lost entries',
    file: 'raft/src/incoming/lost-entries.ts',
    find: 'if (type !== MessageType.Heartbeat) return undefined;',
    replace: '',
    caughtBy: ['raft/test/lost-entries.test.ts', 'a message of type 3 says nothing about the log'],
  },
  {
    name: 'a disk that works counts as one that hangs',
    file: 'raft/src/leadership/save-watch.ts',
    find: 'isBusy && this.#wasBusy && !hasFinished',
    replace: 'isBusy && this.#wasBusy',
    caughtBy: [
      'raft/test/slowness.test.ts',
      'counts from the first tick that finds one on, and never more than it waited',
    ],
  },
  {
    name: 'a save that began within the tick has waited for all of it',
    file: 'raft/src/leadership/save-watch.ts',
    find: 'isBusy && this.#wasBusy && !hasFinished',
    replace: 'isBusy && !hasFinished',
    caughtBy: [
      'raft/test/slowness.test.ts',
      'counts from the first tick that finds one on, and never more than it waited',
    ],
  },
  {
    name: 'a tick in which a slow save ends counts as quick',
    file: 'raft/src/leadership/save-watch.ts',
    find: 'if (isSame || waitedBefore) this',
    replace: 'if (isSame) this',
    caughtBy: [
      'raft/test/slowness.test.ts',
      'counts from the first tick that finds one on, and never more than it waited',
    ],
    promise: 'hanging disk',
  },
  {
    name: 'the finished saves of the last tick are not remembered',
    file: 'raft/src/leadership/save-watch.ts',
    find: 'this.#finishedCount = finishedCount;',
    replace: '',
    caughtBy: [
      'raft/test/slowness.test.ts',
      'counts from the first tick that finds one on, and never more than it waited',
    ],
    promise: 'hanging disk',
  },
  {
    name: 'leadership is given up without evidence',
    file: 'raft/src/leadership/leadership-guard.ts',
    find: 'if (status.commit > durable) return true;',
    replace: 'if (status.commit >= durable) return true;',
    caughtBy: [
      'raft/test/leadership-guard.test.ts',
      'transfers leadership at once when the others go on',
    ],
  },
  {
    name: 'the lease of a leader that stood still is trusted',
    file: 'raft/src/leadership/leadership-guard.ts',
    find: 'return this.#stoodStillMs === 0 && sinceTickMs',
    replace: 'return sinceTickMs',
    caughtBy: [
      'raft/test/leadership-guard.test.ts',
      'doubts the others after half a second: 500 ms',
    ],
  },
  {
    name: 'a lease is trusted until the bound',
    file: 'raft/src/leadership/leadership-guard.ts',
    find: 'sinceTickMs - this.#parts.config.tickMs < this.#leaseBoundMs',
    replace: 'sinceTickMs - this.#parts.config.tickMs <= this.#leaseBoundMs',
    caughtBy: [
      'raft/test/leadership-guard.test.ts',
      "does not rely on its lease after the lease's bound, 300 ms behind a tick",
    ],
  },
  {
    name: 'a node with a full disk campaigns',
    file: 'raft/src/leadership/leadership-guard.ts',
    find: 'node.withholdCampaigns(this.#isSlow || isRejecting || this.#mayHaveLost);',
    replace: 'node.withholdCampaigns(this.#isSlow || this.#mayHaveLost);',
    caughtBy: [
      'raft/test/leadership-guard.test.ts',
      'does not campaign, and may again when it has space',
    ],
  },
  {
    name: 'a node with a slow disk campaigns',
    file: 'raft/src/leadership/leadership-guard.ts',
    find: 'node.withholdCampaigns(this.#isSlow || isRejecting || this.#mayHaveLost);',
    replace: 'node.withholdCampaigns(isRejecting || this.#mayHaveLost);',
    caughtBy: [
      'raft/test/leadership-guard.test.ts',
      'transfers leadership from the bound on, and not before',
    ],
    promise: 'hanging disk',
  },
  {
    name: 'a state that was cut counts as whole',
    file: 'raft/src/snapshots/chunk-channel.ts',
    find: `      if (this.#failure !== undefined) throw this.#failure;
      const chunk`,
    replace: '      const chunk',
    caughtBy: ['raft/test/chunk-channel.test.ts', 'of the same chunk fail as well'],
    promise: 'created snapshot',
  },
  {
    name: 'a writer is not told that nobody reads',
    file: 'raft/src/snapshots/chunk-channel.ts',
    find: `    this.#wakeWriter?.();
    this.#wakeReader?.();
  }

  async *`,
    replace: `    this.#wakeReader?.();
  }

  async *`,
    caughtBy: ['raft/test/chunk-channel.test.ts', 'of the same chunk fail as well'],
  },
  {
    name: 'a transfer waits for ever',
    file: 'raft/src/leadership/leadership-transfer.ts',
    find: 'if (ticks === ticksMax) {',
    replace: 'if (ticks === -1) {',
    caughtBy: ['raft/test/each-tick.test.ts', 'ends after two election timeouts, and not before'],
  },
  {
    name: 'a transfer to one member ends with the election of another one',
    file: 'raft/src/leadership/leadership-transfer.ts',
    find: `event.type === 'leader' && event.leader === target`,
    replace: `event.type === 'leader'`,
    caughtBy: [
      'raft/test/each-tick.test.ts',
      'ends when that member leads, and not with the election of another',
    ],
  },
  {
    name: 'the quorum of a joint membership is that of one half',
    file: 'raft/src/leadership/leadership-transfer.ts',
    find: '[config.incoming, config.outgoing].every',
    replace: '[config.incoming, config.outgoing].some',
    caughtBy: ['raft/test/successor.test.ts', 'is one of each half while the membership is joint'],
  },
  {
    name: 'a part is closed after the end was told',
    file: 'raft/src/start/closing.ts',
    find: `    if (isOver) return;
`,
    replace: '',
    caughtBy: [
      'raft/test/closing.test.ts',
      'keeps those closed that must not run beside it, also when it ends too late',
    ],
  },
  {
    name: 'the machine is closed while it works',
    file: 'raft/src/start/closing.ts',
    find: 'for (const other of after) await running.get(other);',
    replace: 'void after;',
    caughtBy: [
      'raft/test/closing.test.ts',
      'keeps those closed that must not run beside it, also when it ends too late',
    ],
  },
  {
    name: 'the log is closed first',
    file: 'raft/src/start/closing.ts',
    find: 'for (const step of steps) if (!isLate)',
    replace: 'for (const step of steps.toReversed()) if (!isLate)',
    caughtBy: ['raft/test/closing.test.ts', 'is waited for without end where there is no limit'],
  },
  {
    name: 'the end waits for parts that hang',
    file: 'raft/src/start/closing.ts',
    find: 'await within(clock, graceMs, Promise.all(steps.map(started)))',
    replace: 'await Promise.all(steps.map(started))',
    caughtBy: [
      'raft/test/closing.test.ts',
      'keeps the others open until the timeout, which are then closed at once',
    ],
  },
  {
    name: 'a state machine that hangs does not count as behind',
    file: 'raft/src/apply/apply-lag.ts',
    find: 'return Math.max(waitedMs, this.#lastLagMs);',
    replace: 'return this.#lastLagMs;',
    caughtBy: [
      'raft/test/apply-lag.test.ts',
      'is not blamed for the time that the process stood still',
    ],
  },
  {
    name: 'the timer for the lag starts after the node has stopped',
    file: 'raft/src/apply/apply-lag.ts',
    find: 'if (this.#parts.lagMsMax === Infinity || this.#stopped) return;',
    replace: 'if (this.#parts.lagMsMax === Infinity) return;',
    caughtBy: [
      'raft/test/apply-lag.test.ts',
      'ends with the node, also where that ends before it begins',
    ],
  },
  {
    name: 'the tolerance grows without a bound',
    file: 'raft/src/leadership/stall-tolerance.ts',
    find: 'Math.min(factorMax, 2 * this.#factor)',
    replace: '2 * this.#factor',
    caughtBy: [
      'raft/test/slowness.test.ts',
      'doubles each time that leadership is transferred, up to 32',
    ],
  },
  {
    name: 'a learner that does not answer gets its vote',
    file: 'raft/src/membership/voter-through-learner.ts',
    find: 'const isReady = answers && matchIndex > 0 &&',
    replace: 'const isReady = matchIndex > 0 &&',
    caughtBy: [
      'raft/test/voter-through-learner.test.ts',
      'does not promote a learner that has the log and does not answer any more',
    ],
  },
  {
    name: 'a removed member is still dialled',
    file: 'raft/src/driver/transport-peers.ts',
    find: 'else if (id !== this.#nodeId) this.#transport.removePeer(id);',
    replace: '',
    caughtBy: [
      'raft/test/transport-peers.test.ts',
      'a member that was removed is told, and one that was added and removed in one change',
    ],
  },
  {
    name: 'a member stays at its old address',
    file: 'raft/src/driver/transport-peers.ts',
    find: 'if (member !== undefined) this.#set(id, member.address);',
    replace: `if (member !== undefined && operations.some((one) => one.op === 'set')) this.#set(id, member.address);`,
    caughtBy: [
      'raft/test/transport-peers.test.ts',
      'a member is told with its newest address, whatever of it has changed',
    ],
  },
  {
    name: 'a configuration change that an installed snapshot covers still reaches the core',
    file: 'raft/src/driver/loop.ts',
    find: 'if (index <= coveredIndex) return undefined;',
    replace: '',
    caughtBy: [
      'raft/test/loop.test.ts',
      'does not reach the core, and the one behind the snapshot does',
    ],
  },
  {
    name: 'the change at the index of an installed snapshot still reaches the core',
    file: 'raft/src/driver/loop.ts',
    find: 'if (index <= coveredIndex) return undefined;',
    replace: 'if (index < coveredIndex) return undefined;',
    caughtBy: [
      'raft/test/loop.test.ts',
      'does not reach the core where two snapshots follow each other',
    ],
  },
  {
    name: 'requests for votes leave before their term is durable',
    file: 'raft/src/driver/loop.ts',
    find: 'if (voteRequests.length > 0) append.submit({}, () => this.#askForVotes(voteRequests));',
    replace: 'if (voteRequests.length > 0) this.#askForVotes(voteRequests);',
    caughtBy: ['raft/test/loop.test.ts', 'leaves when its term is durable'],
    promise: 'dependent messages',
  },
  {
    name: 'votes of an older term are asked for',
    file: 'raft/src/driver/loop.ts',
    find: 'transport.send(requests.filter((request) => request.term === term));',
    replace: 'transport.send([...requests]); void term;',
    caughtBy: [
      'raft/test/loop.test.ts',
      'of an older campaign does not leave, and that of the newer one does',
    ],
  },
  {
    name: 'a message of another member counts as an answer of the own log',
    file: 'raft/src/driver/loop.ts',
    find: `    from === localAppendThread ||
    from === localApplyThread ||
    type`,
    replace: '    type',
    caughtBy: ['raft/test/loop.test.ts', 'in the name of a storage thread does not reach the core'],
    promise: 'dependent messages',
  },
  {
    name: 'an error in the middle of a step is dropped',
    file: 'raft/src/driver/core-driver.ts',
    find: 'if (!isRefusal(error)) this.#options.onFailure(error);',
    replace: '',
    caughtBy: [
      'raft/test/loop.test.ts',
      'that leaves the core in the middle of a step stops the node',
    ],
  },
  {
    name: 'answers leave before the save',
    file: 'raft/src/driver/loop.ts',
    find: `append.submit({ hardState, entries, snapshot: snapshot?.metadata }, () => {
      if (snapshot !== undefined) this.#installed(snapshot);
      this.#deliver(responses);
    });`,
    replace: `this.#deliver(responses);
    append.submit({ hardState, entries, snapshot: snapshot?.metadata }, () => {
      if (snapshot !== undefined) this.#installed(snapshot);
    });`,
    caughtBy: ['raft/test/loop.test.ts', 'no response is sent any more when the node has stopped'],
    promise: 'dependent messages',
  },
  {
    name: 'an installed snapshot shows before its marker is durable',
    file: 'raft/src/driver/loop.ts',
    find: `    append.submit({ hardState, entries, snapshot: snapshot?.metadata }, () => {
      if (snapshot !== undefined) this.#installed(snapshot);
      this.#deliver(responses);`,
    replace: `    if (snapshot !== undefined) this.#installed(snapshot);
    append.submit({ hardState, entries, snapshot: snapshot?.metadata }, () => {
      this.#deliver(responses);`,
    caughtBy: [
      'raft/test/loop.test.ts',
      'a snapshot shows when its record is durable, is opened at once, and is restored on the apply path',
    ],
    promise: 'created snapshot',
  },
  {
    name: 'the timer of a wait goes on after the wait has ended',
    file: 'raft/src/support/each-tick.ts',
    find: `      timer?.cancel();
      endWatch();`,
    replace: '      endWatch();',
    caughtBy: ['raft/test/each-tick.test.ts', 'ends with the signal, and with the node'],
  },
  {
    name: 'a wait does not end when the node stops',
    file: 'raft/src/support/each-tick.ts',
    find: 'const endWatch = onStop(waiter.reject);',
    replace: 'const endWatch = (): void => undefined;',
    caughtBy: ['raft/test/each-tick.test.ts', 'ends with the signal, and with the node'],
  },
  {
    name: 'the time of the replicated state goes back',
    file: 'raft/src/apply/replicated-state.ts',
    find: 'this.timeMs = logTimeAfter(this.timeMs, proposedAtMs);',
    replace: 'this.timeMs = proposedAtMs;',
    caughtBy: [
      'raft/test/replicated-state.test.ts',
      'goes forward with the clocks of the proposers, and never back',
    ],
  },
  {
    name: 'sessions are not taken from a snapshot',
    file: 'raft/src/apply/replicated-state.ts',
    find: `this.sessions.restore(new Uint8Array(Buffer.from(sessions, 'base64')));`,
    replace: '',
    caughtBy: ['raft/test/replicated-state.test.ts', 'brings everything of its index along'],
  },
  {
    name: 'the id of a removed member can be used again',
    file: 'raft/src/membership/membership.ts',
    find: 'if (removed.has(id)) return',
    replace: 'if (removed.has(id) && id < 0n) return',
    caughtBy: ['raft/test/membership.test.ts', 'refuses, whole: ids never return'],
  },
  {
    name: 'a second birth id counts',
    file: 'raft/src/identity/identity-entries.ts',
    find: 'if (entry.birth === undefined || before.birth !== undefined) return before;',
    replace: 'if (entry.birth === undefined) return before;',
    caughtBy: [
      'raft/test/identity/identity-entries.test.ts',
      'is the first one, and a recovery begins another',
    ],
    promise: 'identity',
  },
  {
    name: 'a member is bound to another log',
    file: 'raft/src/identity/identity-entries.ts',
    find: 'if (before.members.has(id) && !bound.has(id)) bound.set(id, logId);',
    replace: 'if (before.members.has(id)) bound.set(id, logId);',
    caughtBy: [
      'raft/test/identity/identity-entries.test.ts',
      'is the first one that it is bound to',
    ],
    promise: 'identity',
  },
  {
    name: 'a recovery keeps the logs of the others',
    file: 'raft/src/identity/identity-entries.ts',
    find: 'new Map(renewed === undefined ? before.logIds : [])',
    replace: 'new Map(before.logIds)',
    caughtBy: [
      'raft/test/identity/identity-entries.test.ts',
      'is that which a recovery names, and the logs of all others are forgotten',
    ],
    promise: 'identity',
  },
  {
    name: 'the log that this node has seen of a member counts before the one in the membership',
    file: 'raft/src/identity/member-judge.ts',
    find: 'state.membership.logIds.get(id) ?? known?.logId',
    replace: 'known?.logId ?? state.membership.logIds.get(id)',
    caughtBy: [
      'raft/test/identity/member-bounds.test.ts',
      'is compared with the membership first, and with what was seen where that has none',
    ],
    promise: 'identity',
  },
  {
    name: 'two processes with one disk are admitted',
    file: 'raft/src/identity/member-judge.ts',
    find: 'if (theirs.startCount === known.startCount) {',
    replace: 'if (theirs.startCount === -1) {',
    caughtBy: [
      'raft/test/identity/member-bounds.test.ts',
      'has started more often than before, 3 times: 3',
    ],
    promise: 'identity',
  },
  {
    name: 'a member that lost its last acknowledged entry is admitted',
    file: 'raft/src/identity/member-judge.ts',
    find: 'if (theirs.lastIndex >= durableIndex) return undefined;',
    replace: 'if (theirs.lastIndex >= durableIndex - 1) return undefined;',
    caughtBy: [
      'raft/test/identity/member-admission.test.ts',
      'is known by what was kept when this node does not lead any more',
    ],
    promise: 'identity',
  },
  {
    name: 'the committed entry of another term is no contradiction',
    file: 'raft/src/identity/entry-marks.ts',
    find: 'own.term !== term && index <= bothCommitted',
    replace: 'own.term !== term && index < bothCommitted',
    caughtBy: [
      'raft/test/identity/member-admission.test.ts',
      'of another term at an index that both have committed tell another cluster',
    ],
    promise: 'identity',
  },
  {
    name: 'a caller that waits for the birth id is not told that the node stops',
    file: 'raft/src/identity/identity-gate.ts',
    find: `    for (const waiter of waiters) waiter.reject(cause);
`,
    replace: '',
    caughtBy: [
      'raft/test/identity/identity-entries.test.ts',
      'are told of the end, also those that come later or are woken by it',
    ],
  },
  {
    name: 'a change that comes while the identity record is written is not written',
    file: 'raft/src/identity/identity-keeper.ts',
    find: 'while (this.#isWriteDue) {',
    replace: 'for (let at = 0; at < 1 && this.#isWriteDue; at += 1) {',
    caughtBy: [
      'raft/test/identity/identity-keeper.test.ts',
      'is written again where a change came during a write that failed',
    ],
    promise: 'identity',
  },
  {
    name: 'the end of a node does not wait for the identity record',
    file: 'raft/src/identity/identity-keeper.ts',
    find: `    await this.#writing;
`,
    replace: '',
    caughtBy: [
      'raft/test/identity/identity-keeper.test.ts',
      'is written a last time at the end, behind a write that is under way',
    ],
    promise: 'identity',
  },
  {
    name: 'another cluster is taken for this one',
    file: 'raft/src/identity/identity-keeper.ts',
    find: 'if (ours !== undefined && theirs !== undefined && ours !== theirs) {',
    replace: `if (ours !== undefined && theirs !== undefined && ours === '') {`,
    caughtBy: ['raft/test/identity/cluster-identity.test.ts', 'contradict each other in the birth'],
    promise: 'identity',
  },
  {
    name: 'introductions are kept without a bound',
    file: 'raft/src/identity/member-admission.ts',
    find: 'this.#introductions.size > introductionsMax',
    replace: 'this.#introductions.size > Infinity',
    caughtBy: [
      'raft/test/identity/member-bounds.test.ts',
      'has a bound, and members are not forgotten for it',
    ],
  },
  {
    name: 'a log whose binding was refused is never bound',
    file: 'raft/src/identity/fix-identity.ts',
    find: 'if (!isProposed) for (const id of entry.logIds?.keys() ?? []) this.#proposed.delete(id);',
    replace: '',
    caughtBy: [
      'raft/test/identity/identity-entries.test.ts',
      'binds each log once in each leadership, and again where the core has refused it',
    ],
    promise: 'identity',
  },
  {
    name: 'the committed index runs ahead of the log',
    file: 'raft/src/identity/node-identity.ts',
    find: 'return Math.max(this.#firstCommit, this.#parts.state.appliedIndex);',
    replace: 'return Math.max(this.#firstCommit, this.#parts.node.basicStatus().commit);',
    caughtBy: [
      'raft/test/identity/healthy-members.test.ts',
      'is admitted by the others, and admits them, before its disk has answered',
    ],
  },
  {
    name: 'the recorded index goes back',
    file: 'raft/src/identity/snapshot-owner.ts',
    find: 'if (index > recordedIndex) await',
    replace: 'if (index !== recordedIndex) await',
    caughtBy: [
      'raft/test/identity/identity-keeper.test.ts',
      'is written where an index grows, and never with a lower one',
    ],
    promise: 'identity',
  },
  {
    name: 'problems are kept without a bound',
    file: 'raft/src/identity/told-problems.ts',
    find: 'if (before === undefined) this.#makeRoom();',
    replace: '',
    caughtBy: [
      'raft/test/identity/told-problems.test.ts',
      'has a bound, and reports of members have one, too',
    ],
  },
  {
    name: 'a log that ends before what was committed is opened',
    file: 'raft/src/identity/check-start.ts',
    find: 'storage.lastIndex() < record.committedIndex && !discardsTail',
    replace: 'storage.lastIndex() < record.committedIndex - 1 && !discardsTail',
    caughtBy: [
      'raft/test/identity/check-start.test.ts',
      'of which the record says that it was committed up to 11 of 10',
    ],
    promise: 'identity',
  },
  {
    name: 'snapshots of another log are used',
    file: 'raft/src/identity/check-start.ts',
    find: 'if (owner.logId !== record.logId) {',
    replace: `if (owner.logId === '') {`,
    caughtBy: ['raft/test/identity/check-start.test.ts', 'whose folder knows another log'],
    promise: 'identity',
  },
  {
    name: 'a birth id that nothing follows counts',
    file: 'raft/src/identity/birth-in-log.ts',
    find: `  return undefined;
}

function ownEntry`,
    replace: `  return birth;
}

function ownEntry`,
    caughtBy: [
      'raft/test/identity/identity-entries.test.ts',
      'is the first one, when an entry of a user follows it',
    ],
    promise: 'identity',
  },
  {
    name: 'a payload that begins with a request is cut',
    file: 'raft/src/proposals/envelope.ts',
    find: 'const requestAt = payloadAt - requestBytes;',
    replace: 'const requestAt = headBytes;',
    caughtBy: [
      'raft/test/envelope.test.ts',
      'comes back as it was, with at most the overhead that is announced',
    ],
  },
  {
    name: 'a node whose state machine is ahead of its log by one entry goes on',
    file: 'raft/src/start/state-ahead.ts',
    find: 'if (appliedIndex <= lastIndex) return;',
    replace: 'if (appliedIndex <= lastIndex + 1) return;',
    caughtBy: [
      'raft/test/replicated-state.test.ts',
      'that has applied 11 starts on a log that ends at 10',
    ],
    promise: 'identity',
  },
  {
    name: 'a node that is removed keeps its callers',
    file: 'raft/src/start/node-parts.ts',
    find: `      this.proposals.leftCluster();
`,
    replace: '',
    caughtBy: [
      'raft/test/node-wiring.test.ts',
      'is told where the leader was removed before the entry was committed',
    ],
  },
  {
    name: 'callers that wait for a read are not told that the node stops',
    file: 'raft/src/start/node-parts.ts',
    find: `    this.reads.rejectAll(stopped);
`,
    replace: '',
    caughtBy: ['raft/test/node-wiring.test.ts', 'is told to every caller at once'],
  },
  {
    name: 'callers behind an installed snapshot are not told',
    file: 'raft/src/start/node-parts.ts',
    find: `        this.proposals.skipTo(metadata.index);
`,
    replace: '',
    caughtBy: [
      'raft/test/node-wiring.test.ts',
      'is told where a snapshot of another leader covers the index',
    ],
  },
  {
    name: 'callers that wait for an index are not told that the node stops',
    file: 'raft/src/start/node-parts.ts',
    find: `    this.appliedWaiters.stop(stopped);
`,
    replace: '',
    caughtBy: ['raft/test/node-wiring.test.ts', 'is told to every caller at once'],
  },
  {
    name: 'an installed snapshot counts from the turn that saves it on',
    file: 'raft/src/driver/loop.ts',
    find: 'snapshot?.metadata.index ?? this.#installedIndex',
    replace: 'this.#installedIndex; void snapshot',
    caughtBy: [
      'raft/test/loop.test.ts',
      'does not reach the core where two snapshots follow each other',
    ],
  },
  {
    name: 'a caller that begins to wait after the end is not told',
    file: 'raft/src/start/node-parts.ts',
    find: 'else call(this.#stopCause);',
    replace: '',
    caughtBy: [
      'raft/test/stops-in-between.test.ts',
      'when a learner was added that is to vote, after 1 turns',
    ],
  },
  {
    name: 'a caller that enters joint consensus as the node stops waits for ever',
    file: 'raft/src/membership/membership-changes.ts',
    find: 'if (this.#stopCause !== undefined) throw this.#stopCause;',
    replace: '',
    caughtBy: [
      'raft/test/membership-changes.test.ts',
      'is told of the end, also of one that came as its entry was applied',
    ],
  },
  {
    name: 'a caller that asks for a snapshot as the node stops waits for ever',
    file: 'raft/src/snapshots/snapshots.ts',
    find: `      waiter.reject(new StoppedError());
      return;`,
    replace: '      return;',
    caughtBy: [
      'raft/test/snapshots.test.ts',
      'rejects all callers that wait for a snapshot, even for the next one',
    ],
  },
  {
    name: 'a writer waits for a reader that has left',
    file: 'raft/src/snapshots/chunk-channel.ts',
    find: `if (!isTaken) this.fail(new TypeError('nobody reads the file any more'));`,
    replace: '',
    caughtBy: [
      'raft/test/chunk-channel.test.ts',
      'ends the writer whose chunk it has, and each later one',
    ],
  },
  // Snapshots beside a slow state machine, and several of them at once.
  {
    name: 'a snapshot is made between entries that a snapshot under installation covers',
    file: 'raft/src/snapshots/snapshots.ts',
    find: 'if (index < this.#recorded.newestIndex) {',
    replace: 'if (index < 0) {',
    caughtBy: [overEntries, 'no snapshot is made between such entries'],
  },
  {
    name: 'a caller that asks for a snapshot while one is being installed is never answered',
    file: 'raft/src/snapshots/snapshots.ts',
    find: '    this.#awaitsInstall = false;\n    await this.#takeBetweenEntries();\n',
    replace: '',
    caughtBy: [overEntries, 'no snapshot is made between such entries'],
  },
  {
    name: 'a proposal that an installed snapshot covers is never answered',
    file: 'raft/src/start/node-parts.ts',
    find: 'this.proposals.skipTo(metadata.index);',
    replace: '',
    caughtBy: [overEntries, 'a proposal that the snapshot covers ends'],
  },
  {
    name: 'a proposal that an installed snapshot covers counts as certainly not applied',
    file: 'raft/src/proposals/waiters.ts',
    find: '        new OutcomeUnknownError(`entry ${at} is covered by a snapshot of another member`),',
    replace: '        dropped(at, 0),',
    caughtBy: [overEntries, 'a proposal that the snapshot covers ends'],
  },
  {
    name: 'the index of an installed snapshot counts as applied before the state is restored',
    file: 'raft/src/snapshots/snapshots.ts',
    find: '    if (hasState(open))\n      await stateMachine',
    replace:
      '    state.restore(nodePart, metadata);\n    if (hasState(open))\n      await stateMachine',
    caughtBy: [restore, 'no caller is told that the index of the snapshot was applied'],
  },
  {
    name: 'two sends share one hold on the log',
    file: 'raft/src/snapshots/snapshot-sending.ts',
    find: 'this.indexes.push(metadata.index);',
    replace: 'this.indexes.splice(0, 1, metadata.index);',
    caughtBy: [holds, 'hold their logs each for itself'],
  },
  {
    name: 'the first of two sends that ends releases the hold of both',
    file: 'raft/src/snapshots/snapshot-sending.ts',
    find: 'this.indexes.splice(this.indexes.indexOf(metadata.index), 1);',
    replace: 'this.indexes.length = 0;',
    caughtBy: [holds, 'hold their logs each for itself'],
  },
  {
    name: 'only sends that have arrived release the log',
    file: 'raft/src/snapshots/snapshot-sending.ts',
    find: 'this.indexes.splice(this.indexes.indexOf(metadata.index), 1);',
    replace:
      "if (outcome === 'arrived') this.indexes.splice(this.indexes.indexOf(metadata.index), 1);",
    caughtBy: [holds, 'release their logs where their streams break'],
  },
  {
    name: 'the log is purged without regard to the snapshots that are being sent',
    file: 'raft/src/snapshots/recorded-snapshots.ts',
    find: 'Math.min(marginIndex, ...indexes, ...sending.indexes)',
    replace: 'Math.min(marginIndex, ...indexes)',
    caughtBy: [recorded, 'the log stays from every snapshot on that is being sent'],
  },
  {
    name: 'only the first of the snapshots that are being sent holds the log',
    file: 'raft/src/snapshots/recorded-snapshots.ts',
    find: '...sending.indexes)',
    replace: '...[...sending.indexes].slice(0, 1))',
    caughtBy: [recorded, 'the log stays from every snapshot on that is being sent'],
  },
  {
    name: 'a snapshot is recorded with the members of the time of its recording',
    file: 'raft/src/snapshots/snapshots.ts',
    find: 'await this.#recorded.record(stored);',
    replace:
      'await this.#recorded.record({ ...stored, metadata: { ...stored.metadata, confState: this.#parts.state.confState ?? stored.metadata.confState } });',
    caughtBy: [
      'raft/test/snapshots.test.ts',
      'has the members of its index in its record, whatever change is applied while it is made',
    ],
  },
  {
    name: 'a snapshot is made of a state that an installed one is about to replace',
    file: 'raft/src/snapshots/snapshots.ts',
    find: `    this.#recorded.installing(metadata);
`,
    replace: '',
    caughtBy: ['raft/test/snapshots.test.ts', 'that is being installed is the next one'],
  },
];
