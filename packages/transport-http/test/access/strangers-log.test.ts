/** Log lines about strangers are single lines, printable and limited in number. */
import { SimulatedClock } from '@babuza/testkit';
import { describe, expect, it } from 'vitest';
import { StrangersLog } from '../../src/access/strangers-log.ts';

type Line = readonly [level: string, message: string, fields: object | undefined];

function world() {
  const clock = new SimulatedClock();
  const lines: Line[] = [];
  const at = (level: string) => (message: string, fields?: object) =>
    void lines.push([level, message, fields]);
  const logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  return { clock, lines, log: new StrangersLog(clock, logger) };
}

describe('log lines about strangers', () => {
  it('is one line a minute for the same cause', async () => {
    const { clock, lines, log } = world();
    for (let time = 0; time < 5; time += 1) log.tell('warn', 'a', 'refused', { from: 1n });
    log.tell('debug', 'b', 'refused', {});
    await clock.advance(59_999);
    log.tell('warn', 'a', 'refused', { from: 1n });
    expect(lines).toEqual([
      ['warn', 'refused', { from: 1n }],
      ['debug', 'refused', { leftOut: 4 }],
    ]);
    await clock.advance(1);
    log.tell('warn', 'a', 'refused', { from: 1n });
    expect(lines.at(-1)).toEqual(['warn', 'refused', { from: 1n, leftOut: 1 }]);
  });

  it('is 20 lines a minute at most, and says how many were left out', async () => {
    const { clock, lines, log } = world();
    for (let id = 0; id < 1000; id += 1) log.tell('warn', `${id}`, 'refused', { id });
    expect(lines).toHaveLength(20);
    await clock.advance(60_000);
    log.tell('warn', 'later', 'refused', {});
    expect(lines.at(-1)).toEqual(['warn', 'refused', { leftOut: 980 }]);
  });

  it.each([
    ['one\nforged line', 'one\\u{a}forged line'],
    ['\u001b[2J', '\\u{1b}[2J'],
    ['a\r\u2028\u2029b\u0085c\u007f', 'a\\u{d}\\u{2028}\\u{2029}b\\u{85}c\\u{7f}'],
    ['turned \u202e round', 'turned \\u{202e} round'],
    ['Größe 漢', 'Größe 漢'],
    ['x'.repeat(501), `${'x'.repeat(500)}…`],
  ])('has no %o in it', (text, printed) => {
    const { lines, log } = world();
    log.tell('warn', 'a', 'refused', { text, error: new Error(text) });
    const error = lines[0]?.[2];
    expect(error).toMatchObject({ text: printed });
    if (text.length < 400) expect(error).toMatchObject({ error: `Error: ${printed}` });
  });
});
