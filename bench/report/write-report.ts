/** `npm run bench -- report`: the table of README.md and the plots, from nothing but bench/results/. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BenchRow, StoredResult } from '../support/result.ts';
import { type Bar, barChart } from './bar-chart.ts';
import { conditionsOf, figuresTable } from './figures.ts';

export const RESULTS = join(import.meta.dirname, '../results');
const PROJECT = join(import.meta.dirname, '../..');
const README = join(PROJECT, 'README.md');
const FIGURES = join(PROJECT, 'docs/figures');
const BEGIN = '<!-- figures: npm run bench -- report -->';
const END = '<!-- end of figures -->';

interface Plot {
  /** Of its file in docs/figures/. */
  name: string;
  bench: string;
  title: string;
  unit: string;
  /** Null for a row that has no such value. */
  barOf: (row: BenchRow) => Bar | null;
}

const RATIO = '× nginx → node';
const PLOTS: readonly Plot[] = [
  {
    name: 'warm',
    bench: 'warm',
    title: 'Warm hello, 64 connections',
    unit: RATIO,
    barOf: ratioBar,
  },
  {
    name: 'peers',
    bench: 'peers',
    title: 'Everybody’s warm hello, 64 connections',
    unit: RATIO,
    barOf: ratioBar,
  },
  {
    name: 'cold',
    bench: 'peers',
    title: 'First request to who sleeps (median; the line: all)',
    unit: 'ms',
    barOf: coldBar,
  },
];

export async function writeReport(): Promise<void> {
  const results = await readResults();
  const readme = await readFile(README, 'utf8');
  const [before, rest] = readme.split(`${BEGIN}\n`);
  const [, after] = rest?.split(END) ?? [];
  if (before === undefined || after === undefined) {
    throw new Error(`README.md has no place for the figures; add the lines ${BEGIN} and ${END}`);
  }
  await writeFile(README, `${before}${BEGIN}\n\n${figuresTable(results)}\n\n${END}${after}`);
  await mkdir(FIGURES, { recursive: true });
  for (const { name, bench, title, unit, barOf } of PLOTS) {
    const result = results.get(bench);
    if (result === undefined) continue;
    const bars = result.rows.map(barOf).filter((bar) => bar !== null);
    const chart = { title, unit, conditions: conditionsOf(result), bars };
    await writeFile(join(FIGURES, `${name}.svg`), barChart(chart));
  }
}

async function readResults(): Promise<Map<string, StoredResult>> {
  const names = (await readdir(RESULTS)).filter((name) => name.endsWith('.json'));
  const texts = await Promise.all(names.map((name) => readFile(join(RESULTS, name), 'utf8')));
  const results = texts.map((text) => JSON.parse(text) as StoredResult);
  return new Map(results.map((result) => [result.name, result]));
}

function ratioBar({ name, columns }: BenchRow): Bar | null {
  if (columns[RATIO] === '') return null;
  const [low, high] = String(columns['spread'] ?? columns[`spread of ${RATIO}`])
    .split('–')
    .map(Number);
  return { name, value: Number(columns[RATIO]), low: low ?? NaN, high: high ?? NaN };
}

function coldBar({ name, columns, raw }: BenchRow): Bar | null {
  const times = raw?.['coldMs'] ?? [];
  if (times.length === 0) return null;
  const value = Number(columns['cold p50 ms']);
  return { name, value, low: Math.min(...times), high: Math.max(...times) };
}
