/** `npm run bench -- report`: the table of README.md and the plots, from nothing but bench/results/. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoredResult } from '../support/result.ts';
import { type Bar, barChart } from './bar-chart.ts';
import { conditionsOf, figuresTable } from './figures.ts';

export const RESULTS = join(import.meta.dirname, '../results');
const PROJECT = join(import.meta.dirname, '../..');
const README = join(PROJECT, 'README.md');
const FIGURES = join(PROJECT, 'docs/figures');
const BEGIN = '<!-- figures: npm run bench -- report -->';
const END = '<!-- end of figures -->';

/** Rows whose column is a ratio, with the spread beside it. */
const PLOTS = [
  { bench: 'warm', title: 'Warm hello, 64 connections', column: '× nginx → node' },
  { bench: 'peers', title: 'Everybody’s warm hello, 64 connections', column: '× nginx → node' },
] as const;

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
  for (const { bench, title, column } of PLOTS) {
    const result = results.get(bench);
    if (result === undefined) continue;
    const bars = result.rows.map(({ name, columns }) => barOf(name, columns, column));
    const chart = { title, unit: column, conditions: conditionsOf(result), bars };
    await writeFile(join(FIGURES, `${bench}.svg`), barChart(chart));
  }
}

async function readResults(): Promise<Map<string, StoredResult>> {
  const names = (await readdir(RESULTS)).filter((name) => name.endsWith('.json'));
  const texts = await Promise.all(names.map((name) => readFile(join(RESULTS, name), 'utf8')));
  const results = texts.map((text) => JSON.parse(text) as StoredResult);
  return new Map(results.map((result) => [result.name, result]));
}

function barOf(name: string, columns: Record<string, string | number>, column: string): Bar {
  const [low, high] = String(columns['spread'] ?? columns[`spread of ${column}`])
    .split('–')
    .map(Number);
  return { name, value: Number(columns[column]), low: low ?? NaN, high: high ?? NaN };
}
