/** The sending side of one peer, on connections that the test opens, breaks and holds. */
import { MessageType, newMessage, type Message } from '@babuza/raftpb';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { TransportError } from '../../src/errors.ts';
import { decodeMessages, sizeInFrame } from '../../src/messages/frames.ts';
import type { MessageFrame } from '../../src/messages/message-queue.ts';
import type { LinkEvents, MessageLink } from '../../src/messages/outgoing-stream.ts';
import { Peer } from '../../src/connections/peer.ts';
import type { Target } from '../../src/connections/route.ts';
import type { Wire } from '../../src/wire.ts';
import { FakeMember } from './fakes.ts';

/** A connection that the peer has requested. */
class FakeLink implements MessageLink {
  readonly isStream: boolean;
  readonly target: Target;
  readonly events: LinkEvents;
  readonly terms: number[] = [];
  readonly calls: string[] = [];
  canTake = true;
  isClosed = false;

  constructor(isStream: boolean, target: Target, events: LinkEvents) {
    this.isStream = isStream;
    this.target = target;
    this.events = events;
  }

  write({ bytes }: MessageFrame): void {
    this.terms.push(...decodeMessages(bytes.subarray(8)).map(({ term }) => term));
  }

  pulse(nowMs: number): void {
    this.calls.push(`pulse ${nowMs}`);
  }

  doubt(nowMs: number): void {
    this.calls.push(`doubt ${nowMs}`);
  }

  forgive(nowMs: number): void {
    this.calls.push(`forgive ${nowMs}`);
  }

  close(): void {
    this.isClosed = true;
  }
}

interface Opening {
  readonly link: FakeLink;
  readonly signal: AbortSignal;
  readonly open: () => Promise<void>;
  readonly fail: (error?: Error) => Promise<void>;
}

interface World {
  openStream: (...given: unknown[]) => Promise<unknown>;
  requestLink: (...given: unknown[]) => unknown;
}

const world: World = vi.hoisted(() => ({
  openStream: () => Promise.reject(new Error('not set')),
  requestLink: () => undefined,
}));
vi.mock('../../src/messages/outgoing-stream.ts', () => ({
  openStream: (...given: unknown[]) => world.openStream(...given),
}));
vi.mock('../../src/messages/request-link.ts', () => ({
  RequestLink: function fakeRequestLink(...given: unknown[]) {
    return world.requestLink(...given);
  },
}));

let member: FakeMember;
let address: string | undefined;
let openings: Opening[];
let requests: FakeLink[];
let peer: Peer;
const turn = (): Promise<void> => member.clock.advance(0);
const unreachable = new TransportError('TRANSPORT_UNREACHABLE', 'nobody is there');

beforeEach(() => {
  member = new FakeMember();
  address = 'two.example:2';
  openings = [];
  requests = [];
  world.openStream = (_: unknown, target: unknown, events: unknown, signal: unknown) =>
    new Promise((resolve, reject) => {
      const link = new FakeLink(true, target as Target, events as LinkEvents);
      openings.push({
        link,
        signal: signal as AbortSignal,
        open: () => {
          resolve(link);
          return turn();
        },
        fail: (error = unreachable) => {
          reject(error);
          return turn();
        },
      });
    });
  world.requestLink = (_: unknown, target: unknown, events: unknown) => {
    const link = new FakeLink(false, target as Target, events as LinkEvents);
    requests.push(link);
    return link;
  };
  peer = new Peer(member.wire, 2n, () => address);
});

const messageOf = (term: number): Message =>
  newMessage({ type: MessageType.Heartbeat, from: 1n, to: 2n, term });

async function send(...terms: number[]): Promise<void> {
  for (const term of terms) peer.send(messageOf(term));
  await turn();
}

/** The requested connection with the number `at`. */
function opening(at: number): Opening {
  const found = openings[at];
  if (found === undefined) throw new Error(`there are ${openings.length} attempts`);
  return found;
}

async function connected(): Promise<FakeLink> {
  peer.keep();
  const last = opening(openings.length - 1);
  await last.open();
  return last.link;
}

const dropped = (): number => member.countersOf(2n).droppedMessages;

describe('messages to a peer', () => {
  it('waits for the connection, and goes over it in its order', async () => {
    await send(1, 2);
    await send(3);
    expect([openings.length, peer.queuedMessages]).toEqual([1, 3]);
    await opening(0).open();
    await send(4);
    expect(opening(0).link.terms).toEqual([1, 2, 3, 4]);
    expect([peer.queuedMessages, dropped(), member.unreachable]).toEqual([0, 0, []]);
    const framesBytes = 8 + [1, 2, 3].reduce((sum, term) => sum + sizeInFrame(messageOf(term)), 0);
    expect(member.countersOf(2n)).toMatchObject({
      sentMessages: 4,
      sentBytes: framesBytes + 8 + sizeInFrame(messageOf(4)),
      connections: 1,
      failedConnections: 0,
    });
  });

  it('waits while the connection takes nothing, and goes on when it does', async () => {
    const link = await connected();
    link.canTake = false;
    await send(1, 2);
    await send(3);
    expect([link.terms, peer.queuedMessages]).toEqual([[], 3]);
    link.canTake = true;
    link.events.onReady();
    expect(link.terms).toEqual([1, 2, 3]);
  });

  it('is dropped and reported once a turn where the queue is full', async () => {
    const link = await connected();
    link.canTake = false;
    const terms = Array.from({ length: 258 }, (_, number) => number + 1);
    await send(...terms.slice(0, 256));
    expect([peer.queuedMessages, dropped(), member.unreachable]).toEqual([256, 0, []]);
    await send(...terms.slice(256));
    expect([peer.queuedMessages, dropped(), member.unreachable]).toEqual([256, 2, [2n]]);
    await send(259);
    expect([dropped(), member.unreachable]).toEqual([3, [2n, 2n]]);
    link.canTake = true;
    link.events.onReady();
    expect(link.terms).toEqual(terms.slice(0, 256));
  });

  it.each([-1, 0, 1])(
    'fits into a frame or is dropped: %i bytes above the largest',
    async (more) => {
      const size = sizeInFrame(messageOf(1));
      member = new FakeMember({}, {}, size - more);
      peer = new Peer(member.wire, 2n, () => address);
      await connected();
      await send(1);
      expect([opening(0).link.terms, dropped(), member.unreachable]).toEqual(
        more > 0 ? [[], 1, [2n]] : [[1], 0, []],
      );
    },
  );

  it('is reported where nobody knows the address, as often as something is sent', async () => {
    address = undefined;
    await send(1);
    await send(2);
    await member.clock.advance(1000);
    await send(3);
    expect([dropped(), openings, member.unreachable]).toEqual([3, [], [2n, 2n, 2n]]);
    expect(member.logged).toHaveLength(1);
    expect(member.loggedErrors).toMatchObject([{ code: 'TRANSPORT_UNREACHABLE' }]);
  });

  it('is logged once a minute, on one line, for a node that the membership does not have', async () => {
    peer = new Peer(member.wire, 77n, () => address);
    for (const text of ['one\nforged', 'two \u001b[2J', 'three']) {
      const at = openings.length;
      peer.keep();
      await opening(at).fail(new TransportError('TRANSPORT_UNREACHABLE', text));
      await member.clock.advance(10_000);
    }
    expect(member.loggedErrors).toEqual(['TransportError: one\\u{a}forged']);
  });

  it('is not reported again by an attempt that fails while nothing waits', async () => {
    peer.keep();
    await opening(0).fail();
    expect([dropped(), member.unreachable]).toEqual([0, []]);
    expect(member.countersOf(2n).failedConnections).toBe(1);
  });
});

describe('a connection that breaks', () => {
  it('loses what is on its way, which is reported although nothing waits', async () => {
    const link = await connected();
    await send(1);
    link.events.onBroken(unreachable);
    await turn();
    expect([dropped(), member.unreachable, peer.isConnected]).toEqual([0, [2n], false]);
  });

  it('loses what waits, too: nothing old is sent later', async () => {
    const link = await connected();
    link.canTake = false;
    await send(1, 2);
    link.events.onBroken(unreachable);
    await turn();
    expect([dropped(), peer.queuedMessages, member.unreachable]).toEqual([2, 0, [2n]]);
    await member.clock.advance(1000);
    await send(3);
    await opening(1).open();
    expect(opening(1).link.terms).toEqual([3]);
  });

  it('rests until the next attempt is due, and drops what is sent meanwhile', async () => {
    const link = await connected();
    link.events.onBroken(unreachable);
    await send(1);
    expect([openings.length, dropped()]).toEqual([1, 1]);
    await member.clock.advance(50);
    await send(2);
    expect([openings.length, peer.queuedMessages, dropped()]).toEqual([2, 1, 1]);
  });

  it('is told of once, however often the same happens, and again when it was good', async () => {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      await send(attempt);
      await opening(attempt).fail();
      await member.clock.advance(1000);
    }
    expect(member.logged).toHaveLength(1);
    const link = await connected();
    await member.clock.advance(1000);
    link.events.onAnswer();
    expect(member.logged.at(-1)).toBe('a member is reached again');
    link.events.onBroken(unreachable);
    expect(member.logged).toHaveLength(3);
  });
});

describe('reports about a peer', () => {
  it('is nothing while it answers and nothing has failed', async () => {
    const link = await connected();
    await member.clock.advance(1000);
    link.events.onAnswer();
    expect(member.logged).toEqual([]);
  });

  it('is not that it is reached again before its connection has lasted a second', async () => {
    await member.clock.advance(5000);
    await send(1);
    await opening(0).fail();
    await member.clock.advance(1000);
    const link = await connected();
    await member.clock.advance(999);
    link.events.onAnswer();
    expect(member.logged).toEqual(['a member cannot be reached']);
    await member.clock.advance(1);
    for (let answers = 0; answers < 3; answers += 1) link.events.onAnswer();
    expect(member.logged.slice(1)).toEqual(['a member is reached again']);
  });

  it('is not that it is of another cluster, which the node has told', async () => {
    const details = { reason: 'other-cluster' } as const;
    await send(1);
    await opening(0).fail(new TransportError('TRANSPORT_REFUSED', 'other-cluster', details));
    expect([member.logged, member.unreachable]).toEqual([[], [2n]]);
  });

  it('reaches its connection: each pulse, and the time in which this process slept', async () => {
    peer.forgive(1);
    peer.pulse(2);
    expect(openings).toHaveLength(1);
    const link = await connected();
    peer.pulse(3);
    peer.forgive(4);
    expect(link.calls).toEqual(['pulse 3', 'forgive 4']);
  });
});

describe('the addresses of the host of a peer', () => {
  it('are looked up again when a connection breaks, and not when none was made', async () => {
    await send(1);
    await opening(0).fail();
    expect(member.toldNames).toEqual([]);
    await member.clock.advance(1000);
    const link = await connected();
    link.events.onBroken(unreachable);
    expect(member.toldNames).toEqual(['failed two.example']);
  });

  it('are looked up again when the peer appears and is not connected, once in a second', async () => {
    peer.appeared();
    peer.appeared();
    expect(member.toldNames).toEqual(['appeared two.example']);
    await opening(0).open();
    await member.clock.advance(1000);
    peer.appeared();
    expect(member.toldNames).toHaveLength(1);
  });

  it('are left alone where nobody knows the host, and no connection is tried', async () => {
    const link = await connected();
    address = undefined;
    link.events.onBroken(unreachable);
    await member.clock.advance(1000);
    const failed = member.countersOf(2n).failedConnections;
    peer.appeared();
    peer.keep();
    await turn();
    expect([member.toldNames, openings.length]).toEqual([[], 1]);
    expect(member.countersOf(2n).failedConnections).toBe(failed);
  });
});

describe('a new address', () => {
  it('ends the connection, reports what was on its way, and gets what waits', async () => {
    const link = await connected();
    await send(1);
    link.canTake = false;
    await send(2, 3);
    address = 'new.example:2';
    peer.disconnect();
    await turn();
    expect([link.isClosed, member.unreachable, dropped()]).toEqual([true, [2n], 0]);
    await opening(1).open();
    expect(opening(1).link.target.address).toBe('new.example:2');
    expect(opening(1).link.terms).toEqual([2, 3]);
  });

  it('ends an attempt that is under way, and makes another one at once', async () => {
    await send(1);
    peer.disconnect();
    expect([opening(0).signal.aborted, openings.length]).toEqual([true, 2]);
    await opening(1).open();
    expect(member.unreachable).toEqual([]);
    expect([opening(1).link.terms, peer.isConnected]).toEqual([[1], true]);
  });

  it.each(['fails', 'opens'])('is not disturbed when the earlier attempt %s late', async (how) => {
    await send(1);
    peer.disconnect();
    await opening(1).open();
    if (how === 'fails') await opening(0).fail();
    else await opening(0).open();
    expect([peer.isConnected, opening(1).link.isClosed]).toEqual([true, false]);
    expect([dropped(), member.countersOf(2n).failedConnections]).toEqual([0, 0]);
    // The connection that is no longer wanted is closed.
    expect(opening(0).link.isClosed).toBe(how === 'opens');
    await send(2);
    expect(opening(1).link.terms).toEqual([1, 2]);
  });

  it('is tried at once although the old one rests', async () => {
    await send(1);
    await opening(0).fail();
    peer.disconnect();
    expect(openings).toHaveLength(2);
  });
});

describe('a peer that connects to this member', () => {
  it('is tried at once, once in a second', async () => {
    await send(1);
    await opening(0).fail();
    peer.appeared();
    expect(openings).toHaveLength(2);
    await opening(1).fail();
    peer.appeared();
    expect(openings).toHaveLength(2);
  });

  it('makes the connection to it doubtful', async () => {
    const link = await connected();
    await member.clock.advance(7);
    peer.appeared();
    expect(link.calls).toEqual(['doubt 7']);
  });
});

describe('close', () => {
  it('ends the connection and what waits, and reports nothing any more', async () => {
    const link = await connected();
    link.canTake = false;
    await send(1, 2);
    peer.send(messageOf(3));
    peer.close();
    await send(4);
    peer.keep();
    peer.pulse(1);
    peer.appeared();
    await turn();
    expect([link.isClosed, peer.queuedMessages, openings.length]).toEqual([true, 0, 1]);
    expect(member.unreachable).toEqual([]);
  });

  it('ends an attempt, and the connection that it still makes', async () => {
    peer.keep();
    peer.close();
    expect(opening(0).signal.aborted).toBe(true);
    await opening(0).open();
    expect([opening(0).link.isClosed, peer.isConnected]).toEqual([true, false]);
  });

  it('takes the place of a report that is due', async () => {
    address = undefined;
    peer.send(messageOf(1));
    await Promise.resolve();
    peer.close();
    await turn();
    expect(member.unreachable).toEqual([]);
  });
});

describe('requests in place of a stream', () => {
  const strange = new TransportError('TRANSPORT_PROTOCOL', 'a proxy answers');

  async function fallenBack(): Promise<FakeLink> {
    await send(1);
    await opening(0).fail(strange);
    const [link] = requests;
    if (link === undefined) throw new Error('there is no link for requests');
    return link;
  }

  it('carry what waited, and a stream is tried again after a minute, not before', async () => {
    const link = await fallenBack();
    expect(link.terms).toEqual([1]);
    await member.clock.advance(59_999);
    peer.pulse(member.clock.monotonicMs());
    await send(2);
    expect([link.terms, openings.length]).toEqual([[1, 2], 1]);
    await member.clock.advance(1);
    peer.pulse(member.clock.monotonicMs());
    expect([openings.length, link.isClosed]).toEqual([2, true]);
    await send(3);
    await opening(1).open();
    expect(opening(1).link.terms).toEqual([3]);
    expect([dropped(), member.unreachable]).toEqual([0, []]);
  });

  it('are not cut off for a stream while one is under way', async () => {
    const link = await fallenBack();
    link.canTake = false;
    await member.clock.advance(60_000);
    peer.pulse(member.clock.monotonicMs());
    await send(2);
    expect([link.isClosed, openings.length]).toEqual([false, 1]);
    link.canTake = true;
    link.events.onReady();
    expect([link.isClosed, openings.length]).toEqual([true, 2]);
    await opening(1).open();
    expect(opening(1).link.terms).toEqual([2]);
  });

  it('are used from the beginning where streams are switched off', async () => {
    const wire: Wire = { ...member.wire, settings: { ...member.wire.settings, streams: false } };
    peer = new Peer(wire, 2n, () => address);
    peer.keep();
    await turn();
    expect(requests).toEqual([]);
    await send(1);
    expect([requests[0]?.terms, openings]).toEqual([[1], []]);
  });

  it('get what waits at a new address, too', async () => {
    const wire: Wire = { ...member.wire, settings: { ...member.wire.settings, streams: false } };
    peer = new Peer(wire, 2n, () => address);
    await send(1);
    const [link] = requests;
    if (link === undefined) throw new Error('there is no link for requests');
    link.canTake = false;
    await send(2);
    address = 'new.example:2';
    peer.disconnect();
    await turn();
    expect(requests.map(({ target, terms }) => [target.address, terms])).toEqual([
      ['two.example:2', [1]],
      ['new.example:2', [2]],
    ]);
  });
});
