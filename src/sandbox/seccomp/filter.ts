/**
 * The filter that bubblewrap installs before it starts a program; every process and thread of the sandbox inherits it
 * and none can take it off.
 *
 *     of another architecture → killed
 *     number                  → search by halves among ranges of numbers that are decided alike
 *     arguments               → a block for each rule, behind the search
 *
 * The kernel runs it once for each number when it is installed, and from then on makes calls that are allowed whatever
 * their arguments without it (since Linux 5.11), so what it costs is the calls that have rules.
 */
import { PlatformError } from '../../protocol/errors.ts';
import type { ArgumentRule, Case, Condition } from './argument-rules.ts';
import { and, assemble, branch, give, jump, label, load, type Statement } from './assembler.ts';
import { type Architecture, ARCHITECTURES } from './call-numbers.ts';
import { type Decision, type Policy, sandboxPolicy } from './policy.ts';
import { KILL } from './verdict.ts';

/** struct seccomp_data (linux/seccomp.h): int nr; u32 arch; u64 instruction_pointer; u64 args[6]. */
const NUMBER_OFFSET = 0;
const ARCH_OFFSET = 4;
const ARGUMENTS_OFFSET = 16;
const ARGUMENT_BYTES = 8;

/** Numbers from `first` to the next range's are decided alike. */
interface Range {
  first: number;
  decision: Decision;
}

/** @throws PlatformError `sandbox-failed` on a processor whose calls are in no table. */
export function sandboxFilter(architecture: string): Buffer {
  const known = ARCHITECTURES[architecture];
  if (known !== undefined) return compileFilter(known, sandboxPolicy());
  const names = Object.keys(ARCHITECTURES).join(' and ');
  throw new PlatformError(
    'sandbox-failed',
    `the system calls of this processor (${architecture}) are not known, so functions cannot be confined`,
    { hint: `run the server on a machine with one of these: ${names}` },
  );
}

/** The bytes that `bwrap --seccomp` reads. */
export function compileFilter({ auditArch, numbers }: Architecture, policy: Policy): Buffer {
  const ranges = rangesOf(numbers, policy);
  const rules = new Set(ranges.map(({ decision }) => decision).filter(isRule));
  return assemble([
    load(ARCH_OFFSET),
    branch('equal', auditArch, { yes: 'known architecture' }),
    give(KILL),
    label('known architecture'),
    load(NUMBER_OFFSET),
    ...search(ranges),
    ...[...rules].flatMap(ruleBlock),
  ]);
}

/** From number 0 to the last that there is. */
function rangesOf(numbers: ReadonlyMap<string, number>, { decisions, otherwise }: Policy): Range[] {
  const decided = new Map<number, Decision>();
  for (const [name, number] of numbers) decided.set(number, decisions.get(name) ?? otherwise);
  const end = Math.max(...decided.keys()) + 1;
  const ranges: Range[] = [];
  for (let first = 0; first <= end; first += 1) {
    const decision = decided.get(first) ?? otherwise;
    if (ranges.at(-1)?.decision !== decision) ranges.push({ first, decision });
  }
  return ranges;
}

/** A tree of comparisons: the lower half follows at once, the upper one behind it. */
function search(ranges: readonly Range[]): Statement[] {
  const middle = ranges.length >> 1;
  const upper = ranges.slice(middle);
  const [at] = upper;
  if (at === undefined) return [];
  if (ranges.length === 1) return [carryOut(at.decision)];
  const name = `number ${at.first}`;
  return [
    branch('atLeast', at.first, { yes: name }),
    ...search(ranges.slice(0, middle)),
    label(name),
    ...search(upper),
  ];
}

function carryOut(decision: Decision): Statement {
  return isRule(decision) ? jump(decision.call) : give(decision);
}

function isRule(decision: Decision): decision is ArgumentRule {
  return typeof decision === 'object';
}

function ruleBlock({ call, cases, otherwise }: ArgumentRule): Statement[] {
  const blocks = cases.map((one, index) => caseBlock(one, `${call} ${index}`));
  return [label(call), ...blocks.flat(), give(otherwise)];
}

function caseBlock(one: Case, name: string): Statement[] {
  const next = `${name} does not hold`;
  const checks = one.where.map((condition, index) =>
    check(condition, `${name} and ${index}`, next),
  );
  return [...checks.flat(), give(one.verdict), label(next)];
}

/** Goes on behind itself when the condition holds, else to `no`. */
function check(condition: Condition, name: string, no: string): Statement[] {
  // The lower half of the 64 bits, which comes first on these machines.
  const argument = load(ARGUMENTS_OFFSET + condition.argument * ARGUMENT_BYTES);
  if ('anyBitOf' in condition) return [argument, branch('anyBit', condition.anyBitOf, { no })];
  const { mask, oneOf } = condition;
  const yes = `${name} holds`;
  return [
    argument,
    ...(mask === undefined ? [] : [and(mask)]),
    ...oneOf.map((value) => branch('equal', value, { yes })),
    jump(no),
    label(yes),
  ];
}
