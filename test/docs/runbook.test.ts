/** Whatever /readyz and `fn doctor` can name has a section, and no section names what is not there. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { TOOL_NAMES } from '../../src/main/supervisor/machine/host-tools.ts';
import { networkProtection } from '../../src/main/supervisor/network/network-protection.ts';
import { protectionsOf } from '../../src/main/supervisor/protections.ts';

const PROJECT = resolve(import.meta.dirname, '../..');
const read = (path: string): Promise<string> => readFile(join(PROJECT, path), 'utf8');
const page = await read('docs/runbook.md');

interface Section {
  names: string[];
  text: string;
}

function sectionsBelow(title: string): Section[] {
  const part = page.split(/^## /m).find((text) => text.startsWith(`${title}\n`)) ?? '';
  const [, ...sections] = part.split(/^### /m);
  return sections.map((text) => ({ names: (text.split('\n')[0] ?? '').split(', '), text }));
}

const namesBelow = (title: string): string[] => sectionsBelow(title).flatMap(({ names }) => names);

async function namesIn(path: string, pattern: RegExp): Promise<string[]> {
  const found = [...(await read(path)).matchAll(pattern)].map(([, name = '']) => name);
  expect(found, `${path}: ${pattern.source}`).not.toEqual([]);
  return [...new Set(found)];
}

function sorted(names: string[]): string[] {
  return [...names].sort((one, other) => one.localeCompare(other));
}

/** Each that there is, on a machine with all or with nothing. */
function protections(): string[] {
  const holds = { memory: false, swap: false, pids: false, cpuShare: false, cpuQuota: false };
  const facts = {
    isRoot: false,
    isPlain: false,
    cgroups: { version: 'none' as const, holds: { ...holds, cpuYield: false } },
    hasSwap: true,
    masterKeyFile: { path: '/key', mode: 0o644 },
    selfTests: { nodejs: null },
  };
  const tools = { ip: null, nft: null } as unknown as Parameters<
    typeof networkProtection
  >[0]['tools'];
  const network = networkProtection({ ...facts, tools, isWanted: true, failure: null });
  return [...protectionsOf(facts), network].map(({ protection }) => protection);
}

it('every part that /readyz can call degraded has its section', async () => {
  const own = await namesIn('src/api/readiness/handlers.ts', /\['(\w+)'\]/g);
  const peers = await namesIn('src/router/control-requests.ts', /name: '(\w+)', away/g);
  const [data = ''] = await namesIn('src/main/data/process-name.ts', /`(\w+) \$/g);
  expect(sorted(namesBelow('What /readyz calls degraded'))).toEqual(
    sorted([...own, ...peers, data]),
  );
});

it('every kind of warning has its section', async () => {
  const kinds = await namesIn('src/api/readiness/present.ts', /^ {2}(\w+): \{$/gm);
  expect(sorted(namesBelow('What /readyz warns of'))).toEqual(sorted(kinds));
});

it('every finding of fn doctor has its section', async () => {
  const literal = /(?:subject(?::| =)|failure\() ?'([^']+)'/g;
  const subjects = await namesIn('src/main/doctor.ts', literal);
  expect(sorted(namesBelow('What fn doctor finds'))).toEqual(
    sorted([...new Set([...subjects, ...TOOL_NAMES, ...protections()])]),
  );
});

it('every finding of fn doctor --deep has its section', async () => {
  const line = await namesIn('src/consistency/finding.ts', /^export type Subject = (.+);$/gm);
  const subjects = line.join().replaceAll("'", '').split(' | ');
  expect(sorted(namesBelow('What fn doctor --deep finds'))).toEqual(sorted(subjects));
});

it('every section tells what it looks like, what still works and what to do', () => {
  const now = ['What /readyz calls degraded', 'What /readyz warns of'].flatMap(sectionsBelow);
  const found = ['What fn doctor finds', 'What fn doctor --deep finds'].flatMap(sectionsBelow);
  for (const { text } of [...now, ...found]) {
    for (const part of ['Looks like', 'Still works', 'Do']) expect(text).toContain(`**${part}:**`);
  }
  for (const { text } of now) expect(text).toContain('**Over when:**');
});
