/** Runs a seccomp filter as the kernel does, and refuses what the kernel would (bpf_check_classic, seccomp_check_filter). */

interface SystemCall {
  arch: number;
  number: number;
  /** Up to six; each of 64 bits. */
  args?: readonly bigint[];
}

interface Instruction {
  code: number;
  yes: number;
  no: number;
  operand: number;
}

const [LOAD, AND, JUMP, EQUAL, AT_LEAST, ANY_BIT, RETURN] = [
  0x20, 0x54, 0x05, 0x15, 0x35, 0x45, 0x06,
];
const INSTRUCTION_BYTES = 8;
const MAX_INSTRUCTIONS = 4096;
const DATA_BYTES = 64;

/** @throws Error saying at which instruction and why the kernel would not install it. */
export function parseFilter(program: Buffer): Instruction[] {
  const count = program.length / INSTRUCTION_BYTES;
  if (!Number.isInteger(count) || count < 1 || count > MAX_INSTRUCTIONS) {
    throw new Error(`a filter has no ${count} instructions`);
  }
  const instructions = Array.from({ length: count }, (_, index) => {
    const bytes = program.subarray(index * INSTRUCTION_BYTES);
    return {
      code: bytes.readUInt16LE(0),
      yes: bytes.readUInt8(2),
      no: bytes.readUInt8(3),
      operand: bytes.readUInt32LE(4),
    };
  });
  for (const [index, instruction] of instructions.entries()) {
    const problem = problemOf(instruction, count - index - 1);
    if (problem !== null) throw new Error(`instruction ${index}: ${problem}`);
  }
  if (instructions.at(-1)?.code !== RETURN) throw new Error('the last one does not return');
  return instructions;
}

/** What the filter answers: the 32 bits that it returns. */
export function runFilter(filter: readonly Instruction[], call: SystemCall): number {
  const data = layOut(call);
  let accumulator = 0;
  for (let at = 0; ; at += 1) {
    const instruction = filter[at];
    if (instruction === undefined) throw new Error(`the program was left at ${at}`);
    const { code, yes, no, operand } = instruction;
    if (code === RETURN) return operand;
    if (code === LOAD) accumulator = data.readUInt32LE(operand);
    else if (code === AND) accumulator = (accumulator & operand) >>> 0;
    else if (code === JUMP) at += operand;
    else at += holds(code, accumulator, operand) ? yes : no;
  }
}

function problemOf({ code, yes, no, operand }: Instruction, following: number): string | null {
  switch (code) {
    case LOAD:
      return operand % 4 === 0 && operand < DATA_BYTES ? null : 'reads beside the data';
    case AND:
    case RETURN:
      return null;
    case JUMP:
      return operand < following ? null : 'jumps out of the program';
    case EQUAL:
    case AT_LEAST:
    case ANY_BIT:
      return yes < following && no < following ? null : 'jumps out of the program';
    default:
      return `has the code ${code}`;
  }
}

function holds(code: number, accumulator: number, operand: number): boolean {
  if (code === EQUAL) return accumulator === operand;
  if (code === AT_LEAST) return accumulator >= operand;
  return (accumulator & operand) !== 0;
}

/** struct seccomp_data */
function layOut({ arch, number, args = [] }: SystemCall): Buffer {
  const data = Buffer.alloc(DATA_BYTES);
  data.writeUInt32LE(number >>> 0, 0);
  data.writeUInt32LE(arch, 4);
  for (const [index, value] of args.entries()) data.writeBigUInt64LE(value, 16 + index * 8);
  return data;
}
