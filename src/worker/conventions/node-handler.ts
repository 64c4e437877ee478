/** `(req, res)`: what Node's own server would call, and all frameworks that build on it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Handle } from './handlers.ts';
import { isThenable } from './handlers.ts';
import { InvocationCancelled, type Invocation } from '../invocation.ts';
import { nodeHttp } from './node-http.ts';
import { createNodeRequest, dumpRequest, type RequestClass } from './node-request.ts';
import { createNodeResponse, type ResponseClass } from './node-response.ts';
import { ExchangeSocket } from './node-socket.ts';

export type NodeListener = (request: IncomingMessage, response: ServerResponse) => unknown;

export interface NodeClasses {
  Request: RequestClass;
  Response: ResponseClass;
}

/** A request and its response, which end together. */
export interface NodeExchange {
  request: IncomingMessage;
  response: ServerResponse;
  /** Whether the listener's promise is still to settle. */
  isRunning: boolean;
  /** Ends both without an answer, as when the client goes. */
  abort(reason: Error): void;
}

/** For servers and frameworks: nothing is added to what Node gives. */
export function nodeHandle(listener: NodeListener, server?: unknown): Handle {
  const { IncomingMessage: Request, ServerResponse: Response } = nodeHttp();
  const classes = { Request, Response };
  return async (invocation) => {
    const exchange = openExchange(invocation, classes, null);
    if (server !== undefined) Object.assign(exchange.request.socket, { server });
    await callListener(invocation, listener, exchange);
  };
}

/** `bytes` is the body when it has been read already. */
export function openExchange(
  invocation: Invocation,
  { Request, Response }: NodeClasses,
  bytes: Buffer | null,
): NodeExchange {
  const socket = new ExchangeSocket(invocation.head, (error) => {
    exchange.abort(error ?? new Error('the handler destroyed its request'));
    if (!invocation.isSettled) {
      invocation.fail(error ?? new Error('the handler destroyed the response before its end'));
    }
  });
  const request = createNodeRequest(Request, { invocation, socket, bytes });
  const finished = (): void => dumpRequest(request);
  const { response, sink } = createNodeResponse(Response, request, {
    invocation,
    socket,
    finished,
  });
  const exchange: NodeExchange = {
    request,
    response,
    isRunning: false,
    abort: (reason) => {
      sink.abandon(reason);
      socket.close();
      if (!request.readableEnded) request.destroy(reason);
    },
  };
  invocation.whenCancelled((reason) => {
    exchange.abort(Object.assign(reason, { code: 'ECONNRESET' }));
    // Whoever is still at work holds its place in the worker; a listener that only called back later does not.
    if (!exchange.isRunning) invocation.fail(reason);
  });
  return exchange;
}

/** Rejects with what the listener threw; what it throws after its answer is for the log alone. */
export async function callListener(
  invocation: Invocation,
  listener: NodeListener,
  exchange: NodeExchange,
): Promise<void> {
  try {
    const returned = listener(exchange.request, exchange.response);
    if (!isThenable(returned)) return;
    exchange.isRunning = true;
    await returned;
    exchange.isRunning = false;
    if (invocation.isCancelled) invocation.fail(new InvocationCancelled('cancelled'));
  } catch (error) {
    if (!invocation.isSettled) exchange.abort(error as Error);
    throw error;
  }
}
