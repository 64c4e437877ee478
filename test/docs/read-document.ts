/**
 * The fenced blocks of a page that a test acts on. Their info strings say what they are:
 *
 *     ```console            commands after `$ `, and below each what it prints
 *     ```console fails      the same, and its last command exits with another status than 0
 *     ```console stays      one command that goes on until the page ends
 *     ```console eventually what comes within a moment: the command is repeated until it does
 *     ```ts index.ts        a file, written before the next command
 *
 * Any other block is only shown; a comment before it, `<!-- not run: why -->`, says why.
 */
export type Block =
  | { kind: 'console'; line: number; commands: Command[]; modes: Set<string> }
  | { kind: 'file'; line: number; path: string; content: string }
  | { kind: 'shown'; line: number; reason: string | null };

export interface Command {
  text: string;
  /** Loosely: each line comes in this order, others may stand between, and `<…>` stands for anything. */
  expected: string[];
}

const FENCE = /^```(\S*)(?: (.*))?$/;
const NOT_RUN = /^<!-- not run: (.+) -->$/;
const LANGUAGES_OF_FILES = new Set(['ts', 'js', 'mjs', 'json', 'html', 'text', 'sh']);

export function readBlocks(markdown: string): Block[] {
  const lines = markdown.split('\n');
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; at++) {
    const [, language, rest = ''] = FENCE.exec(lines[at] ?? '') ?? [];
    if (language === undefined) continue;
    const end = lines.indexOf('```', at + 1);
    if (end === -1) throw new Error(`the block in line ${at + 1} has no end`);
    const content = lines.slice(at + 1, end);
    const before = lines.slice(0, at).findLast((line) => line.trim() !== '') ?? '';
    const reason = NOT_RUN.exec(before)?.[1] ?? null;
    blocks.push(toBlock({ language, rest, content, reason, line: at + 1 }));
    at = end;
  }
  return blocks;
}

interface RawBlock {
  language: string;
  rest: string;
  content: string[];
  reason: string | null;
  line: number;
}

function toBlock({ language, rest, content, reason, line }: RawBlock): Block {
  if (reason !== null) return { kind: 'shown', line, reason };
  if (language === 'console') {
    return { kind: 'console', line, commands: readCommands(content), modes: readModes(rest) };
  }
  if (LANGUAGES_OF_FILES.has(language) && rest !== '') {
    return { kind: 'file', line, path: rest, content: `${content.join('\n')}\n` };
  }
  return { kind: 'shown', line, reason: null };
}

const MODES = new Set(['fails', 'eventually', 'stays']);

function readModes(text: string): Set<string> {
  const words = text.split(' ').filter((word) => word !== '');
  const unknown = words.find((word) => !MODES.has(word));
  if (unknown !== undefined) throw new Error(`a console block cannot be "${unknown}"`);
  return new Set(words);
}

function readCommands(lines: string[]): Command[] {
  const commands: Command[] = [];
  for (const line of lines) {
    const last = commands.at(-1);
    if (line.startsWith('$ ')) commands.push({ text: line.slice(2), expected: [] });
    else if (last?.text.endsWith('\\')) last.text += `\n${line}`;
    else if (line.trim() !== '') last?.expected.push(line);
  }
  return commands;
}

/** The first expected line that the output lacks, or null. */
export function missingLine(expected: string[], output: string): string | null {
  const printed = output.split('\n').map(normal);
  let next = 0;
  for (const line of expected) {
    const pattern = toPattern(line);
    const found = printed.findIndex((text, at) => at >= next && pattern.test(text));
    if (found === -1) return line;
    next = found + 1;
  }
  return null;
}

function toPattern(line: string): RegExp {
  const parts = normal(line).split(/<[^<>]+>/);
  return new RegExp(`^${parts.map((part) => RegExp.escape(part)).join('.+')}$`);
}

function normal(line: string): string {
  return line.replace(/\s+/g, ' ').trim();
}
