import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  and,
  assemble,
  branch,
  give,
  jump,
  label,
  load,
  type Statement,
} from '../../../src/sandbox/seccomp/assembler.ts';
import { parseFilter, runFilter } from '../../support/bpf.ts';

describe('the assembler', () => {
  it('writes what the kernel reads', () => {
    const program = assemble([
      load(4),
      and(0xff),
      branch('equal', 0x12345678, { yes: 'a', no: 'b' }),
      label('a'),
      give(1),
      label('b'),
      jump('c'),
      give(2),
      label('c'),
      give(0x80000000),
    ]);
    expect(program.toString('hex').match(/.{16}/g)).toEqual([
      '2000000004000000', // BPF_LD|BPF_W|BPF_ABS
      '54000000ff000000', // BPF_ALU|BPF_AND|BPF_K
      '1500000178563412', // BPF_JMP|BPF_JEQ|BPF_K
      '0600000001000000', // BPF_RET|BPF_K
      '0500000001000000', // BPF_JMP|BPF_JA
      '0600000002000000',
      '0600000000000080',
    ]);
  });

  it('branches over 255 instructions and no more', () => {
    const over = (count: number): Statement[] => [
      branch('equal', 1, { yes: 'end' }),
      ...Array.from({ length: count }, () => give(0)),
      label('end'),
      give(1),
    ];
    expect(parseFilter(assemble(over(255)))[0]?.yes).toBe(255);
    expect(() => assemble(over(256))).toThrow('a branch reaches its labels');
  });

  it.each<[string, Statement[]]>([
    ['the label nowhere comes after its jump', [jump('nowhere'), give(0)]],
    ['the label back comes after its jump', [label('back'), jump('back'), give(0)]],
    ['the label twice is there once', [label('twice'), label('twice'), give(0)]],
    ['a filter ends with a return', [give(0), load(0)]],
    ['a filter ends with a return', []],
    ['a filter is within the size', Array.from({ length: 4097 }, () => give(0))],
  ])('refuses to write a program where not: %s', (problem, statements) => {
    expect(() => assemble(statements)).toThrow(problem);
  });

  it('never lets a program be left but by a return', () => {
    const size = 40;
    const target = fc.integer({ min: 0, max: size });
    const statement = fc.oneof(
      fc.record({ kind: fc.constant('return' as const), value: fc.nat() }),
      fc.record({ kind: fc.constant('jump' as const), to: target }),
      fc.record({
        kind: fc.constant('branch' as const),
        test: fc.constantFrom('equal' as const, 'atLeast' as const, 'anyBit' as const),
        value: fc.nat(),
        yes: target,
        no: target,
      }),
    );
    const shapes = fc.array(statement, { minLength: size, maxLength: size });
    fc.assert(
      fc.property(shapes, fc.nat(), (list, number) => {
        // Each statement has a label; a target at or before its jump becomes the next one.
        const statements = list.flatMap((one, index): Statement[] => {
          const later = (to: number): string => String(Math.max(to, index + 1));
          const own = label(String(index));
          if (one.kind === 'return') return [own, one];
          if (one.kind === 'jump') return [own, jump(later(one.to))];
          const to = { yes: later(one.yes), no: later(one.no) };
          return [own, branch(one.test, one.value, to)];
        });
        const program = assemble([load(0), ...statements, label(String(size)), give(7)]);
        expect(runFilter(parseFilter(program), { arch: 0, number })).toBeTypeOf('number');
      }),
    );
  });
});
