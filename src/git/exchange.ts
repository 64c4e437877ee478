import type { Readable } from 'node:stream';
import { failpoint } from '../std/failpoint.ts';
import { newId } from '../std/ids.ts';
import type { EngineRun, GitEngine } from './engine.ts';
import type { AdmittedRequest } from './guard.ts';
import type { GitLimits } from './limits.ts';
import type { Places } from './places.ts';
import type { ControlPort } from './ports.ts';
import type { Push, Pushes } from './pushes.ts';
import { refusedRefsReport } from './push-report.ts';
import { toRefusal } from './refusal.ts';
import type { Repositories } from './repositories.ts';
import { openBody, readHead } from './request-body.ts';
import { createFetchHeadParser, createPushHeadParser, type HeadParser } from './request-head.ts';
import { afterRequest, prepareAnswer, relay } from './respond.ts';
import { announceLargePack, refusalInBand, SIDE_BAND } from './side-band.ts';
import type { GitService } from './target.ts';

export interface ExchangeDeps {
  control: ControlPort;
  engine: GitEngine;
  repositories: Repositories;
  pushes: Pushes;
  places: Record<GitService, Places>;
  limits: GitLimits;
  maxPackBytes: number;
}

/** Beside the pack: the command list, and enough for git itself to be the one that says the pack is too large. */
const PACK_MARGIN_BYTES = 2 * 1024 * 1024;
const INTERNAL_ERROR = 500;

/** Answers an admitted request; the response is complete, or its client gone, when this resolves. */
export async function serveGit(deps: ExchangeDeps, admitted: AdmittedRequest): Promise<void> {
  const { response, target } = admitted;
  const gone = new AbortController();
  response.on('close', () => gone.abort(new Error('the client went away')));
  if (response.destroyed) return;
  const withPlace: WithPlace = async (work) => {
    const giveBack = await deps.places[target.service].take(target.appName, gone.signal);
    try {
      await work();
    } finally {
      giveBack();
    }
  };
  if (target.kind === 'advertisement') await withPlace(() => advertise(deps, admitted));
  else await exchange(deps, admitted, withPlace);
}

/** Does what needs a git process, in its turn. */
type WithPlace = (work: () => Promise<void>) => Promise<void>;

async function advertise(deps: ExchangeDeps, admitted: AdmittedRequest): Promise<void> {
  const { response, target, appId } = admitted;
  const found = appId === null ? null : await deps.repositories.find(appId);
  const output = deps.engine.advertise(target.service, found ?? deps.repositories.empty);
  const deadline = setTimeout(() => output.destroy(), deps.limits.advertisementMs);
  prepareAnswer(response, `application/x-git-${target.service}-advertisement`);
  try {
    await relay(output, response, { stallMs: deps.limits.downloadStallMs });
  } finally {
    clearTimeout(deadline);
  }
  // Cut short, it must not look complete.
  if (output.readableEnded) response.end();
  else response.destroy();
  output.destroy();
}

/** What is said instead of what was asked for is said in a band where the client reads bands. */
async function exchange(
  deps: ExchangeDeps,
  admitted: AdmittedRequest,
  withPlace: WithPlace,
): Promise<void> {
  const { request, response, target } = admitted;
  const plan = planFor(deps, target.service);
  try {
    await exchangeByPlan(deps, { admitted, plan, withPlace });
  } catch (error) {
    const refusal = toRefusal(error);
    const isTold = plan.parser.capabilities().includes(SIDE_BAND) && !response.headersSent;
    if (!isTold || response.destroyed || refusal.status === INTERNAL_ERROR) throw error;
    prepareAnswer(response, resultType(target.service));
    response.write(refusalInBand(refusal));
    afterRequest(request, () => response.end());
  }
}

async function exchangeByPlan(
  deps: ExchangeDeps,
  { admitted, plan, withPlace }: { admitted: AdmittedRequest; plan: Plan; withPlace: WithPlace },
): Promise<void> {
  const { request, response, target } = admitted;
  const { limits, maxPackBytes } = deps;
  let onReceived = (_bytes: number): void => {};
  const body = openBody(request, {
    limits,
    maxBytes: plan.maxBodyBytes,
    onReceived: (bytes) => onReceived(bytes),
  });
  const { head, opening } = await readHead(body, plan.parser, plan.maxHeadBytes);
  if (head.kind === 'probe') {
    prepareAnswer(response, resultType(target.service));
    body.resume();
    response.end();
    return;
  }
  const report = head.kind === 'push' ? refusedRefsReport(head) : null;
  if (plan.parser.capabilities().includes(SIDE_BAND)) {
    onReceived = announceLargePack(response, { maxPackBytes, headBytes: head.bytes });
  }
  if (report === null) await withPlace(() => runGit(deps, { admitted, opening, body }));
  else prepareAnswer(response, resultType(target.service));
  await consume(body);
  afterRequest(request, () => response.end(report ?? undefined));
}

function resultType(service: GitService): string {
  return `application/x-git-${service}-result`;
}

interface Plan {
  parser: HeadParser;
  maxHeadBytes: number;
  maxBodyBytes: number;
}

function planFor({ limits, maxPackBytes }: ExchangeDeps, service: GitService): Plan {
  if (service === 'upload-pack') {
    const maxBodyBytes = limits.fetchRequestBytes;
    return { parser: createFetchHeadParser(), maxHeadBytes: maxBodyBytes, maxBodyBytes };
  }
  return {
    parser: createPushHeadParser(),
    maxHeadBytes: limits.commandListBytes,
    maxBodyBytes: maxPackBytes + PACK_MARGIN_BYTES,
  };
}

interface Input {
  admitted: AdmittedRequest;
  opening: Buffer;
  body: Readable;
}

async function runGit(deps: ExchangeDeps, { admitted, opening, body }: Input): Promise<void> {
  const { request, response, target, principal } = admitted;
  const from = { address: admitted.from, userAgent: request.headers['user-agent'] ?? null };
  const appId = await appOf(deps, admitted);
  await failpoint('git.push-admitted');
  const repository = await deps.repositories.ensure(appId);
  await failpoint('git.repository-ready');
  if (response.destroyed) return;
  prepareAnswer(response, resultType(target.service));
  const isPush = target.service === 'receive-pack';
  let push: Push | null = null;
  const run = deps.engine.run({
    service: target.service,
    repository,
    opening,
    body,
    onProcess(child) {
      if (!isPush) return;
      const id = newId('push');
      push = deps.pushes.add(
        {
          id,
          appId,
          repository,
          principal,
          from,
          quarantine: null,
          updates: [],
          isHandedOver: false,
        },
        child,
      );
    },
  });
  const { pushMs, fetchMs, downloadStallMs } = deps.limits;
  await supervise(run, {
    admitted,
    isHandedOver: () => push?.isHandedOver ?? false,
    deadlineMs: isPush ? pushMs : fetchMs,
    // A pusher's terminal may be stopped for as long as it likes: its push is not.
    stallMs: isPush ? 0 : downloadStallMs,
  });
}

/** The app to push to. It is made only now, when a push to its name has begun in earnest. */
async function appOf({ control }: ExchangeDeps, admitted: AdmittedRequest): Promise<string> {
  if (admitted.appId !== null) return admitted.appId;
  const { token, from, target } = admitted;
  const { id } = await control('createApp', { token, from, appName: target.appName });
  return id;
}

interface Supervision {
  admitted: AdmittedRequest;
  isHandedOver: () => boolean;
  deadlineMs: number;
  stallMs: number;
}

/**
 * Relays git's output until it ends. A client that leaves takes git with it, except for a push that the hook has:
 * then the output is read to its end for nobody.
 */
async function supervise(run: EngineRun, supervision: Supervision): Promise<void> {
  const { response } = supervision.admitted;
  const deadline = setTimeout(() => run.abort(), supervision.deadlineMs);
  try {
    await relay(run.output, response, { stallMs: supervision.stallMs });
    if (!run.output.readableEnded) {
      if (!supervision.isHandedOver()) run.abort();
      await consume(run.output);
    }
  } finally {
    clearTimeout(deadline);
  }
}

/** Reads to the end, or to the failure, of a stream that nobody wants any more. */
function consume(stream: Readable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.readableEnded || stream.destroyed) return resolve();
    stream
      .on('end', resolve)
      .on('error', () => resolve())
      .on('close', resolve);
    stream.resume();
  });
}
