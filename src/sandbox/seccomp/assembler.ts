/**
 * Classic BPF, as much of it as a seccomp filter needs: forward jumps to labels become distances, and what the kernel
 * would refuse is refused here with a reason. Layout and limits: linux/filter.h (`struct sock_filter`, BPF_MAXINSNS)
 * and the kernel's networking/filter.rst.
 */
import { assert } from '../../std/assert.ts';

export type Statement =
  | { kind: 'load' | 'and' | 'return'; value: number }
  | { kind: 'branch'; test: Test; value: number; yes?: string; no?: string }
  | { kind: 'jump'; to: string }
  | { kind: 'label'; name: string };

/** How the accumulator is compared: unsigned, 32 bits. */
type Test = 'equal' | 'atLeast' | 'anyBit';

/** Class, width and source of operands: BPF_LD|W|ABS, BPF_ALU|AND|K, BPF_JMP|JA, BPF_RET|K, BPF_JMP|J…|K. */
const CODES = { load: 0x20, and: 0x54, jump: 0x05, return: 0x06 } as const;
const BRANCH_CODES: Record<Test, number> = { equal: 0x15, atLeast: 0x35, anyBit: 0x45 };

/** u16 code, u8 distance if true, u8 distance if false, u32 operand; little-endian on every machine that we know. */
const INSTRUCTION_BYTES = 8;
const MAX_INSTRUCTIONS = 4096;
const MAX_BRANCH_DISTANCE = 255;

type Instruction = Exclude<Statement, { kind: 'label' }>;

/** Puts a 32-bit word of `struct seccomp_data` into the accumulator. */
export function load(offset: number): Statement {
  return { kind: 'load', value: offset };
}

export function and(mask: number): Statement {
  return { kind: 'and', value: mask };
}

/** Goes on with the next statement where a label is left out. */
export function branch(test: Test, value: number, to: { yes?: string; no?: string }): Statement {
  return { kind: 'branch', test, value, ...to };
}

/** Reaches any label that comes later, however far. */
export function jump(to: string): Statement {
  return { kind: 'jump', to };
}

export function give(value: number): Statement {
  return { kind: 'return', value };
}

export function label(name: string): Statement {
  return { kind: 'label', name };
}

/** The program's bytes. A statement that the kernel would not take is a mistake of ours, and asserted. */
export function assemble(statements: readonly Statement[]): Buffer {
  const { instructions, labels } = place(statements);
  assert(instructions.length <= MAX_INSTRUCTIONS, 'a filter is within the size of the kernel');
  assert(instructions.at(-1)?.kind === 'return', 'a filter ends with a return');
  const program = Buffer.alloc(instructions.length * INSTRUCTION_BYTES);
  for (const [index, instruction] of instructions.entries()) {
    const distanceTo = (target: string | undefined): number => distance(labels, index, target);
    encode(program.subarray(index * INSTRUCTION_BYTES), instruction, distanceTo);
  }
  return program;
}

/** What a label names is the index of the instruction after it. */
function place(statements: readonly Statement[]) {
  const instructions: Instruction[] = [];
  const labels = new Map<string, number>();
  for (const statement of statements) {
    if (statement.kind !== 'label') {
      instructions.push(statement);
      continue;
    }
    assert(!labels.has(statement.name), `the label ${statement.name} is there once`);
    labels.set(statement.name, instructions.length);
  }
  return { instructions, labels };
}

/** Instructions to skip: 0 goes on with the next one. */
function distance(labels: Map<string, number>, from: number, target: string | undefined): number {
  if (target === undefined) return 0;
  const to = labels.get(target);
  assert(to !== undefined && to > from, `the label ${target} comes after its jump`);
  return to - from - 1;
}

function encode(
  bytes: Buffer,
  instruction: Instruction,
  distanceTo: (target: string | undefined) => number,
): void {
  if (instruction.kind === 'branch') {
    const [yes, no] = [distanceTo(instruction.yes), distanceTo(instruction.no)];
    assert(Math.max(yes, no) <= MAX_BRANCH_DISTANCE, 'a branch reaches its labels');
    bytes.writeUInt16LE(BRANCH_CODES[instruction.test], 0);
    bytes.writeUInt8(yes, 2);
    bytes.writeUInt8(no, 3);
    bytes.writeUInt32LE(instruction.value, 4);
    return;
  }
  bytes.writeUInt16LE(CODES[instruction.kind], 0);
  bytes.writeUInt32LE(
    instruction.kind === 'jump' ? distanceTo(instruction.to) : instruction.value,
    4,
  );
}
