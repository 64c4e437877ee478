/** INVOKE of worker.ts: one request, as a worker gets it. */

/**
 * INVOKE payload: u8 hasBody, then latin1 text of lines, which HTTP's grammar keeps free of line feeds: request id,
 * method, target, scheme, peer address, then name and value of each header but the request id in turn, names in lower case.
 */
export interface InvokeHead {
  hasBody: boolean;
  requestId: string;
  method: string;
  /** As it stood in the request line. */
  target: string;
  /** `http`, `https` or EVENT_SCHEME. */
  scheme: string;
  peer: string;
  /** name, value, name, value, … of what differs between clients only; the same array for the same headers. */
  sharedHeaders: readonly string[];
  /** All headers, in an array of their own. */
  readonly headers: readonly string[];
}

/** In place of a client's scheme: the body is an event that the API was given, not the body of a request. */
export const EVENT_SCHEME = 'event';

/** Also a header of each request, which INVOKE does not repeat. */
export const REQUEST_ID_HEADER = 'x-request-id';

/** The text of an INVOKE; `clientText` is what `invokeClientText` makes. */
export function invokeText(
  { requestId, method, target }: Pick<InvokeHead, 'requestId' | 'method' | 'target'>,
  clientText: string,
): string {
  return `${requestId}\n${method}\n${target}\n${clientText}`;
}

/** The part of it that does not depend on the request; `headerLines` is `\nname\nvalue` for each header. */
export function invokeClientText(
  { scheme, peer }: Pick<InvokeHead, 'scheme' | 'peer'>,
  headerLines: string,
): string {
  return `${scheme}\n${peer}${headerLines}`;
}

/** What follows the target in an INVOKE, and does not depend on the request. */
interface ClientFacts {
  text: string;
  scheme: string;
  peer: string;
  headers: readonly string[];
}

let lastFacts: ClientFacts = { text: '', scheme: '', peer: '', headers: [] };

class DecodedInvoke implements InvokeHead {
  readonly hasBody: boolean;
  readonly requestId: string;
  readonly method: string;
  readonly target: string;
  readonly scheme: string;
  readonly peer: string;
  readonly sharedHeaders: readonly string[];

  constructor(hasBody: boolean, line: [string, string, string], facts: ClientFacts) {
    this.hasBody = hasBody;
    [this.requestId, this.method, this.target] = line;
    this.scheme = facts.scheme;
    this.peer = facts.peer;
    this.sharedHeaders = facts.headers;
  }

  get headers(): readonly string[] {
    return [...this.sharedHeaders, REQUEST_ID_HEADER, this.requestId];
  }
}

/** Requests of one client have the same headers again and again: those of the last one are not cut up twice. */
export function decodeInvoke(payload: Buffer): InvokeHead {
  const text = payload.toString('latin1', 1);
  const idEnd = text.indexOf('\n');
  const methodEnd = text.indexOf('\n', idEnd + 1);
  const targetEnd = text.indexOf('\n', methodEnd + 1);
  const factsText = text.slice(targetEnd + 1);
  if (factsText !== lastFacts.text) lastFacts = clientFacts(factsText);
  return new DecodedInvoke(
    payload[0] === 1,
    [text.slice(0, idEnd), text.slice(idEnd + 1, methodEnd), text.slice(methodEnd + 1, targetEnd)],
    lastFacts,
  );
}

function clientFacts(text: string): ClientFacts {
  const [scheme = '', peer = '', ...headers] = text.split('\n');
  return { text, scheme, peer, headers };
}
