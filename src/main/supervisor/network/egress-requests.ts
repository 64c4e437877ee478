/** What the egress process asks is data until it was looked at: it parses what sandboxes and name servers send. */
import { isIP } from 'node:net';
import type { EgressNotice, OpenEgressRequest } from '../../../protocol/egress.ts';

const MAX_PORT = 65_535;
/** A name that is not looked up again for so long is not in use. */
const MAX_SECONDS = 3_600;

/** The request, or null when it is not one that a correct process sends. */
export function parseEgressRequest(message: unknown): OpenEgressRequest | null {
  if (typeof message !== 'object' || message === null) return null;
  const { type, request, source, address, port, seconds } = message as Record<string, unknown>;
  if (type !== 'open-egress' || !isWithin(request, 0, Number.MAX_SAFE_INTEGER)) return null;
  if (!isAddress(source) || !isAddress(address) || isIP(source) !== isIP(address)) return null;
  if (port !== null && !isWithin(port, 1, MAX_PORT)) return null;
  if (!isWithin(seconds, 1, MAX_SECONDS)) return null;
  return { type, request, source, address, port, seconds };
}

function isWithin(value: unknown, min: number, max: number): value is number {
  return Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max;
}

/** A zone names an interface of this machine. */
function isAddress(value: unknown): value is string {
  return typeof value === 'string' && isIP(value) !== 0 && !value.includes('%');
}

/** The answer to a request that was carried out, or to one that was not. */
export function answerTo({ request }: OpenEgressRequest, refusal: string | null): EgressNotice {
  if (refusal === null) return { type: 'egress-opened', request };
  return { type: 'egress-refused', request, reason: refusal };
}
