/** The three lists as one: what becomes of each call that has a name. */
import { assert } from '../../std/assert.ts';
import { ALLOWED_CALLS } from './allowed-calls.ts';
import { ARGUMENT_RULES, type ArgumentRule } from './argument-rules.ts';
import { DENIED_CALLS } from './denied-calls.ts';
import { ALLOW, refuse, type Verdict } from './verdict.ts';

export type Decision = Verdict | ArgumentRule;

export interface Policy {
  decisions: ReadonlyMap<string, Decision>;
  /** For whatever has no name: newer than our tables, of another ABI, or never a call. */
  otherwise: Verdict;
}

/** The one of functions and of builds alike. */
export function sandboxPolicy(): Policy {
  const decisions = new Map<string, Decision>();
  const decide = (call: string, decision: Decision): void => {
    assert(!decisions.has(call), `${call} is decided once`);
    decisions.set(call, decision);
  };
  for (const { calls } of ALLOWED_CALLS) for (const call of words(calls)) decide(call, ALLOW);
  for (const { calls, error } of DENIED_CALLS) {
    for (const call of words(calls)) decide(call, refuse(error));
  }
  for (const rule of ARGUMENT_RULES) decide(rule.call, rule);
  return { decisions, otherwise: refuse('ENOSYS') };
}

function words(text: string): string[] {
  return text.split(/\s+/).filter(Boolean);
}
