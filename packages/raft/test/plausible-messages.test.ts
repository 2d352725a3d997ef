/** A cluster goes on when it receives messages that no honest member sends. */
import { EntryType, MessageType, newMessage, type Entry, type Message } from '@babuza/raftpb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeEnvelope, EnvelopeKind, requestsPerIncarnation } from '../src/proposals/envelope.ts';
import type { RaftEvent, SessionCall } from '../src/index.ts';
import { bytesOf, handlersOf, ListMachine, World, type Member } from './support.ts';

let world: World;

beforeEach(async () => {
  world = new World({ forwardProposals: true });
});
afterEach(() => world.close());

const idOf = ({ raft }: Member): bigint => raft.status().nodeId;
const terms = (): number[] => [...world.members.values()].map(({ raft }) => raft.status().term);

async function writes(text: string): Promise<void> {
  const leader = await world.leader();
  await world.until(leader.raft.propose(bytesOf(text)));
}

/** Sends one message to each other member, in the name of `from`. */
function toAll(from: bigint, message: Partial<Message> & Pick<Message, 'type'>): void {
  for (const to of world.members.keys()) {
    if (to !== from) world.wire.repeat(from, newMessage({ ...message, from, to }));
  }
}

function listen({ raft }: Member): RaftEvent[] {
  const events: RaftEvent[] = [];
  raft.subscribe((event) => events.push(event));
  return events;
}

describe('a term that no election leads to', () => {
  const types = Object.entries(MessageType).filter(
    ([name]) => !name.startsWith('Storage') && !['Hup', 'Beat', 'Unreachable'].includes(name),
  );

  it.each(types)('in a message of type %s does not count', async (_, type) => {
    await world.startAll(3);
    const leader = await world.leader();
    const context = bytesOf('CampaignTransfer');
    const lastIndex = leader.raft.status().lastIndex;
    for (const term of [2 ** 53 - 1, 2 ** 52 + 1, 2 ** 32 + 100, 2 ** 28 + 100]) {
      for (const from of world.members.keys()) {
        toAll(from, { type, term, logTerm: term, index: lastIndex + 1, context });
      }
      await world.pass(10);
    }
    await world.pass(5000);
    expect(Math.max(...terms())).toBeLessThan(100);
    await writes('after it');
    expect((await world.follower()).raft.readiness().ready).toBe(true);
  });

  it('is counted, and its sender is told once a minute', async () => {
    await world.startAll(3);
    const leader = await world.leader();
    const events = listen(leader);
    const from = idOf(await world.follower());
    for (let times = 0; times < 500; times += 1) {
      toAll(from, { type: MessageType.AppResp, term: 2 ** 53 - 1, index: 1 });
    }
    await world.pass(5000);
    const told = events.filter(({ type }) => type === 'message-refused');
    expect(told).toMatchObject([{ member: from, kind: 'term', times: 1 }]);
    expect(world.logged('warn', `a message of node ${from} is refused: it has term`)).toHaveLength(
      2,
    );
    expect(leader.raft.status().refusedMessages).toBe(500);
  });

  it('just below the bound is followed by elections, and not by a standstill', async () => {
    await world.startAll(3);
    const victim = await world.follower();
    const attacker = [...world.members.keys()].find((id) => id !== idOf(victim)) ?? 0n;
    const message = newMessage({
      type: MessageType.Vote,
      from: attacker,
      to: idOf(victim),
      term: 2 ** 28,
      index: 1000,
      logTerm: 1000,
      context: bytesOf('CampaignTransfer'),
    });
    world.wire.repeat(attacker, message);
    await world.pass(20_000);
    expect(victim.raft.status().term).toBeGreaterThanOrEqual(2 ** 28);
    await writes('after it');
    expect(victim.machine.texts).toEqual(['after it']);
  });
});

describe('the transport is told that a message is impossible', () => {
  const proposal = (data: Uint8Array) => ({
    type: MessageType.Prop,
    entries: [{ index: 0, term: 0, type: EntryType.Normal, data }],
  });

  it('where no member can have sent it, and not where an honest one may be late', async () => {
    const handlers = handlersOf(world);
    await world.startAll(3);
    const leader = await world.leader();
    const [from, to] = [idOf(await world.follower()), idOf(leader)];
    await writes('the follower has accepted this');
    const { term } = leader.raft.status();
    const told = (at: bigint, message: Partial<Message> & Pick<Message, 'type'>): unknown =>
      handlers.get(at)?.receive(newMessage({ from: at === to ? from : to, to: at, ...message }));
    expect([
      told(to, { type: MessageType.AppResp, term: 2 ** 53 - 1 }),
      told(to, proposal(bytesOf('no envelope at all'))),
      told(from, { type: MessageType.Heartbeat, term, commit: 1000 }),
    ]).toEqual(['impossible', 'impossible', 'impossible']);
    expect([
      told(to, { type: MessageType.AppResp, term: term + 2 ** 28 + 100 }),
      told(to, { ...proposal(bytesOf('x')), from: 9n }),
      told(to, { type: MessageType.AppResp, term, index: 1 }),
      told(from, { type: MessageType.Heartbeat, term, commit: 0 }),
    ]).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('but not of a commit index, where the node has accepted nothing since its start', async () => {
    const handlers = handlersOf(world);
    await world.startAll(3);
    const follower = await world.follower();
    const [id, lead] = [idOf(follower), idOf(await world.leader())];
    await writes('a');
    await world.pass(1000);
    world.wire.cut.add(id);
    await world.restart(id);
    const message = { type: MessageType.Heartbeat, from: lead, to: id, term: 5, commit: 1000 };
    expect(handlers.get(id)?.receive(newMessage(message))).toBe(undefined);
  });
});

describe('without PreVote', () => {
  it('a member that was cut off, and has campaigned all the time, comes back', async () => {
    world = new World({ preVote: false });
    await world.startAll(3);
    const away = await world.follower();
    world.wire.cut.add(idOf(away));
    for (let second = 0; second < 100; second += 1) await world.pass(1000);
    const raised = away.raft.status().term;
    expect(raised).toBeGreaterThan(40);
    world.wire.cut.clear();
    await world.pass(10_000);
    await writes('together again');
    expect(Math.min(...terms())).toBeGreaterThanOrEqual(raised);
    expect(away.machine.texts).toEqual(['together again']);
  });
});

describe('a node that is not a member', () => {
  const proposal = (): Uint8Array =>
    encodeEnvelope({
      kind: EnvelopeKind.Payload,
      proposedAtMs: 0,
      request: { nodeId: 9n, number: requestsPerIncarnation },
      payload: bytesOf('of a stranger'),
    });

  it('cannot propose', async () => {
    await world.startAll(3);
    const leader = await world.leader();
    const events = listen(leader);
    const entries = [{ index: 0, term: 0, type: EntryType.Normal, data: proposal() }];
    toAll(9n, { type: MessageType.Prop, entries });
    await writes('of a member');
    for (const { machine } of world.members.values()) {
      expect(machine.texts).not.toContain('of a stranger');
    }
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'message-refused', member: 9n, kind: 'not-a-member' }),
    );
  });

  it('gets no answer to a read, from the leader or through a follower', async () => {
    await world.startAll(3);
    await writes('something');
    const entries = [{ index: 0, term: 0, type: EntryType.Normal, data: bytesOf('context') }];
    toAll(9n, { type: MessageType.ReadIndex, entries });
    await world.pass(1000);
    const isAnswer = ({ message }: (typeof world.wire.sent)[number]): boolean =>
      message.to === 9n || (message.from === 9n && message.type === MessageType.ReadIndexResp);
    expect(world.wire.sent.filter(isAnswer)).toEqual([]);
  });

  it.each([MessageType.TransferLeader, MessageType.TimeoutNow, MessageType.ForgetLeader])(
    'cannot move leadership by a message of type %i',
    async (type) => {
      await world.startAll(3);
      const leader = await world.leader();
      const { term } = leader.raft.status();
      // A transfer names the member that is to lead as its sender, so a node that is not a member
      // can name only itself.
      toAll(9n, { type, term: type === MessageType.TimeoutNow ? term : 0 });
      await world.pass(3000);
      expect(terms()).toEqual([term, term, term]);
    },
  );

  it('is refused after its removal, and taken from its addition on', async () => {
    await world.startAll(1);
    const leader = await world.leader();
    await world.start(2n, undefined);
    await world.until(leader.raft.addLearner({ id: 2n, address: 'address-2' }));
    const learner = world.member(2n);
    await world.pass(1000);
    await world.until(learner.raft.propose(bytesOf('of a learner')));
    expect(leader.machine.texts).toEqual(['of a learner']);
    await world.until(leader.raft.removePeer(2n));
    const data = encodeEnvelope({
      kind: EnvelopeKind.Payload,
      proposedAtMs: 0,
      request: { nodeId: 2n, number: 5 * requestsPerIncarnation },
      payload: bytesOf('of a removed member'),
    });
    toAll(2n, {
      type: MessageType.Prop,
      entries: [{ index: 0, term: 0, type: EntryType.Normal, data }],
    });
    await writes('at last');
    expect(leader.machine.texts).toEqual(['of a learner', 'at last']);
  });
});

describe('a proposal that a member forwards', () => {
  it.each([
    ['of the node itself', EnvelopeKind.Identity, 0],
    ['of a later format', EnvelopeKind.Payload, 7],
  ])('%s is dropped and told', async (_, kind, version) => {
    await world.startAll(3);
    const leader = await world.leader();
    const follower = idOf(await world.follower());
    const request = { nodeId: follower, number: 5 * requestsPerIncarnation };
    const data = encodeEnvelope({ kind, proposedAtMs: 0, request, payload: bytesOf('{}') });
    if (version !== 0) data[0] = version;
    const events = listen(leader);
    const before = leader.raft.status().lastIndex;
    toAll(follower, {
      type: MessageType.Prop,
      entries: [{ index: 0, term: 0, type: EntryType.Normal, data }],
    });
    await world.pass(1000);
    expect(leader.raft.status().lastIndex).toBe(before);
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'message-refused', member: follower, kind: 'proposal' }),
    );
  });

  it.each([0, 2 ** 43, 2 ** 43 + 1, 2 ** 53 - 1])(
    'with the time %d gets the time of the leader',
    async (proposedAtMs) => {
      const times: number[] = [];
      await world.startAll(3);
      for (const { machine } of world.members.values()) {
        machine.apply = (entries) => {
          for (const { timeMs } of entries) times.push(timeMs);
          return ListMachine.prototype.apply.call(machine, entries);
        };
      }
      await world.leader();
      const follower = idOf(await world.follower());
      const request = { nodeId: follower, number: 5 * requestsPerIncarnation };
      const payload = bytesOf('forged');
      const data = encodeEnvelope({ kind: EnvelopeKind.Payload, proposedAtMs, request, payload });
      toAll(follower, {
        type: MessageType.Prop,
        entries: [{ index: 0, term: 0, type: EntryType.Normal, data }],
      });
      await world.pass(1000);
      expect(times).toHaveLength(3);
      expect(new Set(times).size).toBe(1);
      expect(Math.abs((times[0] ?? 0) - world.clock.wallMs())).toBeLessThan(10_000);
    },
  );

  it('gets the time of the leader also where it is not the first of its message', async () => {
    const times: number[] = [];
    await world.startAll(3);
    const leader = await world.leader();
    leader.machine.apply = (entries) => {
      for (const { timeMs } of entries) times.push(timeMs);
      return ListMachine.prototype.apply.call(leader.machine, entries);
    };
    const follower = idOf(await world.follower());
    const entries = [0, 1, 2].map((at) => {
      const request = { nodeId: follower, number: 5 * requestsPerIncarnation + at };
      const payload = bytesOf(`forged ${at}`);
      const proposedAtMs = 2 ** 43;
      const kind = EnvelopeKind.Payload;
      const data = encodeEnvelope({ kind, proposedAtMs, request, payload });
      return { index: 0, term: 0, type: EntryType.Normal, data };
    });
    toAll(follower, { type: MessageType.Prop, entries });
    await world.pass(1000);
    expect(times).toHaveLength(3);
    for (const timeMs of times)
      expect(Math.abs(timeMs - world.clock.wallMs())).toBeLessThan(10_000);
  });

  /** Entries of proposals whose requests name this node. */
  const entriesOf = (nodeId: bigint, numbers: readonly number[], session?: SessionCall): Entry[] =>
    numbers.map((number) => ({
      index: 0,
      term: 0,
      type: EntryType.Normal,
      data: encodeEnvelope({
        kind: EnvelopeKind.Payload,
        proposedAtMs: 0,
        session,
        request: { nodeId, number },
        payload: bytesOf('in the name of another one'),
      }),
    }));

  it.each([
    ['of another member', false],
    ['of another member, within a session', true],
  ])('in the name %s is refused, and uses up none of its numbers', async (_, isInSession) => {
    await world.startAll(3);
    const leader = await world.leader();
    const events = listen(leader);
    const followers = [...world.members.values()].filter((each) => each !== leader);
    const [attacker = leader, victim = leader] = followers;
    await world.until(victim.raft.propose(bytesOf('before')));
    // The last number of each incarnation that the victim may have, and many others.
    const numbers = Array.from(
      { length: 64 },
      (_each, incarnation) => (incarnation + 1) * requestsPerIncarnation - 1,
    );
    // The number of the attacker is at each position where the id is read.
    const own = Number(idOf(attacker));
    const session = { sessionId: own, sequence: own, lowestUnanswered: own };
    const entries = entriesOf(idOf(victim), numbers, isInSession ? session : undefined);
    toAll(idOf(attacker), { type: MessageType.Prop, entries });
    await world.until(victim.raft.propose(bytesOf('after')));
    expect(leader.machine.texts).toEqual(['before', 'after']);
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'message-refused',
        member: idOf(attacker),
        kind: 'proposal',
      }),
    );
  });

  it('in a made-up name is impossible, also behind one of its own', async () => {
    const handlers = handlersOf(world);
    await world.startAll(3);
    const leader = await world.leader();
    const [from, to] = [idOf(await world.follower()), idOf(leader)];
    const own = entriesOf(from, [5 * requestsPerIncarnation]);
    const before = leader.raft.status().lastIndex;
    // The leader keeps 16 KiB for each id.
    const verdicts = [100n, 2n ** 64n - 1n].map((name) => {
      const entries = [...own, ...entriesOf(name, [requestsPerIncarnation])];
      return handlers.get(to)?.receive(newMessage({ type: MessageType.Prop, from, to, entries }));
    });
    await world.pass(1000);
    expect(verdicts).toEqual(['impossible', 'impossible']);
    expect(leader.raft.status().lastIndex).toBe(before);
  });
});

describe('a read', () => {
  const entriesWith = (...sizes: readonly number[]): Entry[] =>
    sizes.map((size) => ({
      index: 0,
      term: 0,
      type: EntryType.Normal,
      data: new Uint8Array(size),
    }));

  it.each([
    ['without an entry', entriesWith(), 'impossible'],
    ['without a context', entriesWith(0), 'impossible'],
    ['with a context of 64 bytes', entriesWith(64), undefined],
    ['with a context of 65 bytes', entriesWith(65), 'impossible'],
    ['with two entries', entriesWith(20, 20), 'impossible'],
  ])('%s is judged, and so is its answer', async (_, entries, verdict) => {
    const handlers = handlersOf(world);
    await world.startAll(3);
    const follower = idOf(await world.follower());
    const leader = await world.leader();
    const { nodeId: lead, term } = leader.raft.status();
    const read = { type: MessageType.ReadIndex, from: follower, to: lead, entries };
    const answer = { type: MessageType.ReadIndexResp, from: lead, to: follower, term, entries };
    expect(handlers.get(lead)?.receive(newMessage(read))).toBe(verdict);
    expect(handlers.get(follower)?.receive(newMessage(answer))).toBe(verdict);
  });

  it('does not keep the memory of the frame that it came with', async () => {
    const handlers = handlersOf(world);
    await world.startAll(3);
    const follower = idOf(await world.follower());
    const to = idOf(await world.leader());
    const frame = new ArrayBuffer(1024);
    const [entry] = entriesWith(0);
    if (entry === undefined) throw new Error('no entry');
    const entries = [{ ...entry, data: new Uint8Array(frame, 100, 20) }];
    handlers
      .get(to)
      ?.receive(newMessage({ type: MessageType.ReadIndex, from: follower, to, entries }));
    // The memory of the frame is used for another one.
    new Uint8Array(frame).fill(7);
    await world.pass(1000);
    const answers = world.wire.sent
      .map(({ message }) => message)
      .filter(({ type, to: at }) => type === MessageType.ReadIndexResp && at === follower);
    expect(answers.map((message) => message.entries[0]?.data)).toEqual([new Uint8Array(20)]);
  });

  it('is answered only by the leader', async () => {
    await world.startAll(3);
    await writes('a');
    const leader = await world.leader();
    const [reader = leader, attacker = leader] = [...world.members.values()].filter(
      (each) => each !== leader,
    );
    const [id, term] = [idOf(reader), reader.raft.status().term];
    const events = listen(reader);
    // The leader receives nothing, so no member can confirm the read.
    world.wire.cut.add(idOf(leader));
    const reading = reader.raft.read(undefined);
    let isAnswered = false;
    void reading.then(() => (isAnswered = true)).catch(() => undefined);
    await world.pass(10);
    const asked = world.wire.sent.find(
      ({ message }) => message.type === MessageType.ReadIndex && message.from === id,
    );
    if (asked === undefined) throw new Error('the read was not handed on');
    const { entries } = asked.message;
    const from = idOf(attacker);
    world.wire.repeat(
      from,
      newMessage({ type: MessageType.ReadIndexResp, from, to: id, term, index: 1, entries }),
    );
    await world.pass(10);
    expect(isAnswered).toBe(false);
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'message-refused', member: from, kind: 'read' }),
    );
  });
});
