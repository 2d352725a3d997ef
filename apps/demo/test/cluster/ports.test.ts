/** The ports of the demo's nodes. */
import { describe, expect, it } from 'vitest';
import { freePorts } from '../../src/cluster/ports.ts';

describe('free ports', () => {
  it('are none of those that another node has, though it does not listen at the moment', async () => {
    const even = new Set(Array.from({ length: 32_768 }, (_, half) => 2 * half));
    const ports = await freePorts(8, even);
    expect(new Set(ports).size).toBe(8);
    expect(ports.filter((port) => even.has(port))).toEqual([]);
  });
});
