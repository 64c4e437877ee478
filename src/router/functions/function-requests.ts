/** The requests of one deployment, from its host on: which function answers, and what says that none does. */
import { randomUUID } from 'node:crypto';
import type { ServedDeployment, ServedFunction } from '../../model/served.ts';
import { invokeClientText, invokeText } from '../../protocol/invoke.ts';
import { sendAnswer, type Answer } from '../answers.ts';
import type { Client } from '../client.ts';
import {
  noFunctionAnswer,
  noMethodAnswer,
  tooLargeAnswer,
  type ErrorContext,
} from './failure-answer.ts';
import { FunctionExchange, type ExchangeTarget, type ExchangeTools } from './function-exchange.ts';
import { createFunctionTable, type FunctionMatch, type FunctionTable } from './function-table.ts';
import type { Peer } from '../peer.ts';
import type { FunctionSide } from '../ports.ts';
import type { RequestHead } from '../request-head.ts';
import { headerLines } from '../response-head.ts';

/** What one generation knows of a deployment; made when it is first asked for. */
export interface Site {
  readonly deployment: ServedDeployment;
  readonly functions: FunctionTable;
  /** Headers that every response of it has: name, value, … */
  readonly headers: readonly string[];
  readonly headerLines: string;
  readonly targets: Map<ServedFunction, ExchangeTarget>;
}

export interface SiteRequest {
  client: Client;
  head: RequestHead;
  /** Of `invokedClientText`: the same for all requests of a client that have the same headers. */
  clientText: string;
}

/** `more` is what its responses say because of the host: name, value, … */
export function createSite(deployment: ServedDeployment, more: readonly string[]): Site {
  const headers = ['x-fn-deployment', deployment.id, 'x-fn-commit', deployment.commit];
  if (deployment.version !== null) headers.push('x-fn-version', `v${deployment.version}`);
  headers.push(...more);
  return {
    deployment,
    functions: createFunctionTable(deployment),
    headers,
    headerLines: headerLines(headers),
    targets: new Map(),
  };
}

/** Passes requests to the functions that were found for them, or says that there is none. */
export function createFunctionRequests(
  functions: FunctionSide,
  tools: ExchangeTools,
): (site: Site, incoming: SiteRequest, match: FunctionMatch) => void {
  function targetOf(site: Site, served: ServedFunction): ExchangeTarget {
    const known = site.targets.get(served);
    if (known !== undefined) return known;
    const { deployment, headers } = site;
    const dispatcher = functions.functionPool(deployment, served);
    const target = { deployment, served, dispatcher, headers, headerLines: site.headerLines };
    site.targets.set(served, target);
    return target;
  }

  return (site, incoming, match) => {
    const { client, head, clientText } = incoming;
    const requestId = randomUUID();
    const refuse = (answer: Answer): void => sendAnswer(client.request, client.response, answer);
    if (match.kind === 'no-path') return refuse(noFunctionAnswer(contextOf(site, requestId)));
    if (match.kind === 'no-method') {
      return refuse(noMethodAnswer(match.allow, contextOf(site, requestId)));
    }
    const { maxBodyBytes } = match.served;
    if (head.contentLength !== null && head.contentLength > maxBodyBytes) {
      return refuse(tooLargeAnswer(maxBodyBytes, contextOf(site, requestId)));
    }
    const target = targetOf(site, match.served);
    const exchange = new FunctionExchange(
      {
        client,
        requestId,
        host: head.host,
        text: invokeText({ requestId, method: client.method, target: client.target }, clientText),
        hasBody: head.hasBody,
        maxBodyBytes,
      },
      target,
      tools,
    );
    target.dispatcher.dispatch(exchange);
  };
}

function contextOf({ headers }: Site, requestId: string): ErrorContext {
  return { requestId, headers: [...headers, 'x-request-id', requestId] };
}

/** The headers that tell a function about its client, those of its own among them. */
export function invokedClientText(head: RequestHead, { scheme, address }: Peer): string {
  return invokeClientText(
    { scheme, peer: address },
    `${head.headerLines}\nx-forwarded-for\n${address}\nx-forwarded-proto\n${scheme}` +
      `\nx-forwarded-host\n${head.hostHeader}`,
  );
}
