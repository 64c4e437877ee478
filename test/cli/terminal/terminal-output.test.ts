import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createTerminalOutput } from '../../../src/cli/terminal/terminal-output.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** What a terminal, or a pipe, has been sent. */
function start({ isTTY = false, isQuiet = false } = {}) {
  const sent = { stdout: '', stderr: '' };
  const terminal = (name: keyof typeof sent) => ({
    isTTY,
    write: (text: string) => void (sent[name] += text),
  });
  const streams = { stdout: terminal('stdout'), stderr: terminal('stderr') };
  const output = createTerminalOutput(streams, { isQuiet });
  output.watch();
  return { output, sent };
}

describe('while a command waits', () => {
  test('a terminal has one line that is written again, and goes before anything else is said', () => {
    const { output, sent } = start({ isTTY: true });
    output.waitFor('the new workers to start');
    vi.advanceTimersByTime(2_000);
    const erase = '\r\u001b[K';
    const line = `${erase}waiting for the new workers to start… `;
    expect(sent.stderr).toBe(`${line}1 s${line}2 s`);
    output.line('done');
    expect(sent).toEqual({ stdout: 'done\n', stderr: `${line}1 s${line}2 s${erase}` });
    output.stop();
    expect(sent.stderr.endsWith(erase)).toBe(true);
  });

  test('a log has few lines, by how long nothing was said', () => {
    const { output, sent } = start();
    vi.advanceTimersByTime(4_000);
    output.line('working');
    vi.advanceTimersByTime(61_000);
    const at = (seconds: number): string => `fn: waiting for the server… ${seconds} s\n`;
    expect(sent).toEqual({ stdout: 'working\n', stderr: [5, 15, 30, 60].map(at).join('') });
    output.stop();
    vi.advanceTimersByTime(60_000);
    expect(sent.stderr).toBe([5, 15, 30, 60].map(at).join(''));
  });

  test('a program is told nothing', () => {
    const { sent } = start({ isTTY: true, isQuiet: true });
    vi.advanceTimersByTime(60_000);
    expect(sent).toEqual({ stdout: '', stderr: '' });
  });

  test('nothing is told of what has no end', () => {
    const { output, sent } = start();
    output.waitFor(null);
    vi.advanceTimersByTime(60_000);
    expect(sent.stderr).toBe('');
  });

  test('Ctrl-C says what goes on, as long as something does', () => {
    const before = process.listenerCount('SIGINT');
    const { output, sent } = start();
    const exit = vi.spyOn(process, 'exit').mockReturnValue(undefined as never);
    output.waitFor('the workers', 'the server goes on with it');
    process.emit('SIGINT');
    expect(exit).toHaveBeenCalledWith(130);
    expect(sent.stderr).toContain('interrupted; the server goes on with it');
    output.waitFor('the server');
    expect(process.listenerCount('SIGINT')).toBe(before);
    exit.mockRestore();
  });
});

describe('a screen', () => {
  const lines = ['x'.repeat(100), ...Array.from({ length: 40 }, (_, row) => `row ${row}`)];

  test('is shown in the place of the one before, cut to the terminal', () => {
    const sent: string[] = [];
    const stdout = { isTTY: true, columns: 20, rows: 5, write: (text: string) => sent.push(text) };
    const stderr = { write: () => {} };
    const { screen } = createTerminalOutput({ stdout, stderr }, { isQuiet: false });
    screen?.(lines);
    expect(sent.join('')).toBe(`\u001b[J${'x'.repeat(19)}\nrow 0\nrow 1\nrow 2\n`);
    screen?.(['short']);
    expect(sent.at(-1)).toBe('\u001b[4A\r\u001b[Jshort\n');
    screen?.(['again']);
    expect(sent.at(-1)).toBe('\u001b[1A\r\u001b[Jagain\n');
  });

  test('is none without a terminal, and none for a program', () => {
    expect(start().output.screen).toBeNull();
    expect(start({ isTTY: true, isQuiet: true }).output.screen).toBeNull();
  });
});
