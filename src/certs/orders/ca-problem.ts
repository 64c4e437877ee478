import { printableLine } from '../../std/printable.ts';

/** How a certificate authority failed an order, as data: what is done next depends on it. */
export interface CaProblemDetails {
  /**
   * `unreachable`: no answer, or none in time. `failing`: 5xx. `rate-limited`: it asks for patience. `refused`: it has judged
   * what was asked. `unusable`: its answer is not what the protocol says.
   */
  kind: 'unreachable' | 'failing' | 'rate-limited' | 'refused' | 'unusable';
  /** Of RFC 8555 section 6.7, without its prefix, such as `caa`; null where there is none. */
  type?: string | null;
  status?: number;
  /** Milliseconds since 1970, as the authority asks. */
  retryAt?: number | null;
  cause?: unknown;
}

export class CaProblem extends Error {
  readonly kind: CaProblemDetails['kind'];
  readonly type: string | null;
  readonly status: number | null;
  readonly retryAt: number | null;

  constructor(message: string, details: CaProblemDetails) {
    super(message, { cause: details.cause });
    this.name = 'CaProblem';
    this.kind = details.kind;
    this.type = details.type ?? null;
    this.status = details.status ?? null;
    this.retryAt = details.retryAt ?? null;
  }
}

const PREFIX = 'urn:ietf:params:acme:error:';
/** Of what an authority says; the rest helps nobody. */
const MAX_DETAIL_CHARACTERS = 500;

/** A problem document (RFC 7807) as people read it, such as `caa: CAA record for example.com prevents issuance`. */
export function describeProblem(document: unknown): { type: string | null; text: string } {
  const { type, detail, subproblems } = (document ?? {}) as Record<string, unknown>;
  const short = typeof type === 'string' ? shown(type.replace(PREFIX, '')) : null;
  const first: unknown = Array.isArray(subproblems) ? subproblems[0] : undefined;
  const more = typeof detail === 'string' ? detail : (first as { detail?: unknown })?.detail;
  const said = typeof more === 'string' ? shown(more) : '';
  return { type: short, text: [short, said].filter(Boolean).join(': ') };
}

function shown(text: string): string {
  return printableLine(text.replaceAll(/\s+/g, ' ').trim(), MAX_DETAIL_CHARACTERS);
}
