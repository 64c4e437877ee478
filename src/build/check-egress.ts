import { Type } from 'typebox';
import {
  type EgressRule,
  formatEgressRule,
  isWithin,
  MAX_EGRESS_RULE_CHARACTERS,
  MAX_EGRESS_RULES,
  readEgressRules,
} from '../model/egress-rule.ts';
import type { BuildProblem, EgressWish } from '../protocol/builder.ts';

const MANIFEST_FILE = 'fn.json';

const Position = Type.Integer({ minimum: 1 });
/** What a builder may say that fn.json asks for. */
export const EgressWishes = Type.Array(
  Type.Object({
    rule: Type.String({ maxLength: MAX_EGRESS_RULE_CHARACTERS }),
    line: Position,
    column: Position,
  }),
  { maxItems: MAX_EGRESS_RULES },
);

export function isOneSpelling({ rule }: EgressWish): boolean {
  const [read] = readEgressRules([rule]);
  return read !== undefined && formatEgressRule(read) === rule;
}

/** Only the known fields. */
export function cleanWish({ rule, line, column }: EgressWish): EgressWish {
  return { rule, line, column };
}

/** What fn.json asks for beyond what the operator lets functions reach. */
export function checkEgress(
  wishes: readonly EgressWish[],
  operatorRules: readonly EgressRule[],
): BuildProblem[] {
  return wishes.flatMap(({ rule: text, line, column }) => {
    const refused = readEgressRules([text]).filter((rule) => !isWithin(rule, operatorRules));
    return refused.map((rule) => ({
      message: `"egress": functions of this server may not reach ${formatEgressRule(rule)}`,
      at: { file: MANIFEST_FILE, line, column },
      frame: [],
      hint:
        `take it out, or ask the operator of the server to start it with ` +
        `FN_EGRESS_ALLOW=${formatEgressRule(rule)}, beside what is set there already`,
    }));
  });
}
