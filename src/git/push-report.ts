import { refProblem } from '../model/ref.ts';
import { encodePacket, FLUSH_PACKET } from './packet-line.ts';
import { Refusal } from './refusal.ts';
import type { RefCommand, RequestHead } from './request-head.ts';
import { inBand, SIDE_BAND } from './side-band.ts';

/** A name that does not fit the report beside its reason. */
const MAX_REPORTED_REF_BYTES = 60_000;

type PushHead = Extract<RequestHead, { kind: 'push' }>;

/**
 * The answer to a push that names a ref which nobody may push, or null when there is none: what git itself would
 * report (gitprotocol-pack, "Report Status"), so that the client shows the reason beside the ref. The hook checks
 * the same again; here it spares the engine names that it can't read.
 * @throws Refusal for a client that understands no report
 */
export function refusedRefsReport({ commands, capabilities }: PushHead): Buffer | null {
  const problems = commands.map((command) => problemOf(command));
  if (problems.every((problem) => problem === null)) return null;
  const canReport = ['report-status', 'report-status-v2'].some((name) =>
    capabilities.includes(name),
  );
  const isTooLong = commands.some(({ ref }) => ref.length > MAX_REPORTED_REF_BYTES);
  const reason = problems.find((problem) => problem !== null) ?? '';
  if (!canReport || isTooLong) throw new Refusal(403, reason);

  const lines = commands.map(({ ref }, index) => {
    const why = problems[index] ?? 'another ref of this push was refused';
    return encodePacket(Buffer.concat([Buffer.from('ng '), ref, Buffer.from(` ${why}\n`)]));
  });
  const flush = Buffer.from(FLUSH_PACKET);
  const report = Buffer.concat([encodePacket('unpack ok\n'), ...lines, flush]);
  return capabilities.includes(SIDE_BAND)
    ? Buffer.concat([inBand('report', report), flush])
    : report;
}

function problemOf({ ref }: RefCommand): string | null {
  const name = ref.toString('utf8');
  if (!Buffer.from(name).equals(ref)) return 'ref names are in UTF-8';
  return refProblem(name);
}
