import { describe, expect, it } from 'vitest';
import { prometheusText } from '../../src/api/metrics/prometheus.ts';

const sample = (value: number, labels: Record<string, string> = {}) => ({ value, labels });

describe('the text format of Prometheus', () => {
  it('has a head and a line for each sample', () => {
    const text = prometheusText([
      {
        name: 'a_total',
        help: 'How many.',
        type: 'counter',
        samples: [sample(1), sample(2.5, { app: 'shop', state: 'up' })],
      },
      { name: 'b', help: 'None.', type: 'gauge', samples: [] },
    ]);
    expect(text).toBe(
      [
        '# HELP a_total How many.',
        '# TYPE a_total counter',
        'a_total 1',
        'a_total{app="shop",state="up"} 2.5',
        '# HELP b None.',
        '# TYPE b gauge',
        '',
      ].join('\n'),
    );
  });

  it.each([
    ['say "hi"', String.raw`say \"hi\"`],
    ['a\nb', String.raw`a\nb`],
    [String.raw`c:\new`, String.raw`c:\\new`],
    ['"} 1\nforged 2', String.raw`\"} 1\nforged 2`],
    ['bücher.example', 'bücher.example'],
  ])('keeps the value %j within its quotes', (value, written) => {
    const samples = [sample(1, { name: value })];
    const text = prometheusText([{ name: 'a', help: 'A.', type: 'gauge', samples }]);
    expect(text.split('\n').slice(2)).toEqual([`a{name="${written}"} 1`, '']);
  });

  it.each([
    [0, '0'],
    [-0.5, '-0.5'],
    [1_789_000_000.123, '1789000000.123'],
    [1e21, '1e+21'],
    [Infinity, '+Inf'],
    [-Infinity, '-Inf'],
    [Number.NaN, 'NaN'],
  ])('writes %d as %s', (value, written) => {
    const text = prometheusText([
      { name: 'a', help: 'A.', type: 'gauge', samples: [sample(value)] },
    ]);
    expect(text).toContain(`\na ${written}\n`);
  });

  it('keeps its help on one line', () => {
    const text = prometheusText([{ name: 'a', help: 'a\\b\nc "d"', type: 'gauge', samples: [] }]);
    expect(text.split('\n')[0]).toBe(String.raw`# HELP a a\\b\nc "d"`);
  });
});
