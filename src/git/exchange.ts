import type { Readable } from 'node:stream';
import { failpoint } from '../std/failpoint.ts';
import { newId } from '../std/ids.ts';
import { consume } from './consume.ts';
import type { EngineRun, GitEngine } from './engine.ts';
import { authorize, type AdmittedRequest } from './guard.ts';
import { removeLocksLater, removeQuarantinesLater } from './leftovers.ts';
import type { GitLimits } from './limits.ts';
import type { Places } from './places.ts';
import type { ControlPort } from './ports.ts';
import type { Push, Pushes } from './pushes.ts';
import { refuseTooManyObjects } from './pack-header.ts';
import { refusedRefsReport } from './push-report.ts';
import { Refusal, toRefusal } from './refusal.ts';
import type { Repositories } from './repositories.ts';
import { readHead, readPackHeader } from './read-head.ts';
import { createFetchHeadParser, createPushHeadParser, type HeadParser } from './request-head.ts';
import { relay, type RelayOptions } from './respond.ts';
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

/** Answers an admitted request; the answer is complete, or its client gone, when this resolves. */
export async function serveGit(deps: ExchangeDeps, admitted: AdmittedRequest): Promise<void> {
  const { channel, target } = admitted;
  const gone = new AbortController();
  channel.answer.on('close', () => gone.abort(new Error('the client went away')));
  if (channel.answer.destroyed) return;
  const withPlace: WithPlace = async (work) => {
    const whose = { repository: target.appName, holder: admitted.principal.tokenId };
    const giveBack = await deps.places[target.service].take(whose, gone.signal);
    try {
      return await work();
    } finally {
      giveBack();
    }
  };
  switch (target.kind) {
    case 'advertisement':
      if (await withPlace(() => advertise(deps, admitted))) await channel.finish();
      return;
    case 'exchange':
      return exchange(deps, admitted, withPlace);
    case 'session':
      if (target.service === 'upload-pack') return converse(deps, admitted, withPlace);
      if (await withPlace(() => advertise(deps, admitted)))
        await exchange(deps, admitted, withPlace);
  }
}

/** Does what needs a git process, in its turn. */
type WithPlace = <T>(work: () => Promise<T>) => Promise<T>;

/** Whether all of it has left. */
async function advertise(deps: ExchangeDeps, admitted: AdmittedRequest): Promise<boolean> {
  const { channel, target, appId } = admitted;
  const found = appId === null ? null : await deps.repositories.find(appId);
  const output = deps.engine.advertise(target.service, found ?? deps.repositories.empty);
  const deadline = setTimeout(() => output.destroy(), deps.limits.advertisementMs);
  channel.begin({ service: target.service, kind: 'advertisement' });
  try {
    await relay(output, channel.answer, { stallMs: deps.limits.downloadStallMs, isPrompt: true });
  } finally {
    clearTimeout(deadline);
  }
  const isWhole = output.readableEnded && !channel.answer.destroyed;
  // Cut short, it must not look complete.
  if (!isWhole) channel.answer.destroy();
  output.destroy();
  return isWhole;
}

/** A fetch in which client and git answer one another as often as they like. */
async function converse(
  deps: ExchangeDeps,
  admitted: AdmittedRequest,
  withPlace: WithPlace,
): Promise<void> {
  const { channel, target } = admitted;
  channel.begin({ service: target.service, kind: 'result' });
  const openBody = (): Readable =>
    channel.openBody({
      limits: deps.limits,
      maxBytes: deps.limits.fetchRequestBytes,
      onReceived: () => {},
      // It waits for git as often as git for it. What it says is short; then git no longer listens, and this ends nothing.
      unhurriedBytes: () => Infinity,
      unhurriedMs: deps.limits.negotiationMs,
    });
  // Not before: its time is that in which it holds a place.
  await withPlace(() => runGit(deps, { admitted, opening: Buffer.alloc(0), body: openBody() }));
  if (!channel.answer.destroyed) await channel.finish();
}

/** What is said instead of what was asked for is said in a band where the client reads bands. */
async function exchange(
  deps: ExchangeDeps,
  admitted: AdmittedRequest,
  withPlace: WithPlace,
): Promise<void> {
  const { channel, target } = admitted;
  const plan = planFor(deps, target.service);
  channel.begin({ service: target.service, kind: 'result' });
  try {
    await exchangeByPlan(deps, { admitted, plan, withPlace });
  } catch (error) {
    const refusal = toRefusal(error);
    const isTold = plan.parser.capabilities().includes(SIDE_BAND) && !channel.hasBegun;
    if (!isTold || channel.answer.destroyed || refusal.status === INTERNAL_ERROR) throw error;
    channel.refuse(refusalInBand(refusal));
  }
}

async function exchangeByPlan(
  deps: ExchangeDeps,
  { admitted, plan, withPlace }: { admitted: AdmittedRequest; plan: Plan; withPlace: WithPlace },
): Promise<void> {
  const { channel, target } = admitted;
  const { limits, maxPackBytes } = deps;
  let onReceived = (_bytes: number): void => {};
  let headBytes = plan.maxHeadBytes;
  const body = channel.openBody({
    limits,
    maxBytes: plan.maxBodyBytes,
    onReceived: (bytes) => onReceived(bytes),
    // Over HTTP a client sends when it has something.
    ...(target.kind === 'session' && { unhurriedBytes: () => headBytes }),
  });
  const { head, opening } = await readHead(body, plan.parser, plan.maxHeadBytes);
  if (head.kind === 'probe') return channel.finish();
  const report = head.kind === 'push' ? refusedRefsReport(head) : null;
  if (report !== null) return channel.finish(report);
  const pack = head.kind === 'push' ? await readPackHeader(body, head, plan.maxHeadBytes) : null;
  if (pack !== null) refuseTooManyObjects(pack, limits.objects);
  headBytes = pack?.at ?? head.bytes;
  if (plan.parser.capabilities().includes(SIDE_BAND)) {
    onReceived = announceLargePack(channel, { maxPackBytes, headBytes });
  }
  await withPlace(() => runGit(deps, { admitted, opening, body }));
  await channel.finish();
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
  const { channel, target, principal } = admitted;
  const from = { address: admitted.from, userAgent: channel.userAgent };
  const appId = await appOf(deps, admitted);
  await failpoint('git.push-admitted');
  const repository =
    (await deps.repositories.find(appId)) ?? (await makeRepository(deps, admitted, appId));
  await failpoint('git.repository-ready');
  if (channel.answer.destroyed) return;
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
      const added = deps.pushes.add(
        {
          id,
          appId,
          repository,
          principal,
          from,
          quarantine: null,
          updates: [],
          acceptedRefs: new Set(),
          isHandedOver: false,
        },
        child,
      );
      push = added;
      child.once('exit', (_code, signal) => {
        // Control that is away has nothing to forget.
        if (added.acceptedRefs.size > 0)
          deps.control('endPush', { appId, pushId: id }).catch(() => {});
        if (signal === null) return; // It has left nothing.
        removeLocksLater(repository, () => added.updates.map(({ ref }) => ref));
        // What cannot be removed now is at the next start.
        removeQuarantinesLater(repository, deps.pushes.ofRepository(repository)).catch(() => {});
      });
    },
  });
  const { pushMs, fetchMs, downloadStallMs } = deps.limits;
  await supervise(run, {
    admitted,
    isHandedOver: () => push?.isHandedOver ?? false,
    deadlineMs: isPush ? pushMs : fetchMs,
    // A build takes its time. Who stops to listen to it for long hears no more of it.
    relaying: { stallMs: downloadStallMs, isPrompt: !isPush },
  });
}

/** The app to push to. It is made only now, when a push to its name has begun in earnest. */
async function appOf({ control }: ExchangeDeps, admitted: AdmittedRequest): Promise<string> {
  if (admitted.appId !== null) return admitted.appId;
  const { credential, from, target } = admitted;
  const { id } = await control('createApp', { ...credential, from, appName: target.appName });
  return id;
}

/** While its push waited, the app may have gone: nothing is made for it then. @throws Refusal, or control's PlatformError */
async function makeRepository(
  { control, repositories }: ExchangeDeps,
  admitted: AdmittedRequest,
  appId: string,
): Promise<string> {
  const isOlder = admitted.appId !== null;
  if (isOlder && (await authorize(control, admitted)).appId !== appId) {
    throw new Refusal(404, `the app "${admitted.target.appName}" was deleted meanwhile`);
  }
  return repositories.ensure(appId);
}

interface Supervision {
  admitted: AdmittedRequest;
  isHandedOver: () => boolean;
  deadlineMs: number;
  relaying: RelayOptions;
}

/**
 * Relays git's output until it ends. A client that leaves takes git with it, except for a push that the hook has:
 * then the output is read to its end for nobody.
 */
async function supervise(run: EngineRun, supervision: Supervision): Promise<void> {
  const { answer } = supervision.admitted.channel;
  const deadline = setTimeout(() => run.abort(), supervision.deadlineMs);
  try {
    await relay(run.output, answer, supervision.relaying);
    if (!run.output.readableEnded) {
      if (!supervision.isHandedOver()) run.abort();
      await consume(run.output);
    }
  } finally {
    clearTimeout(deadline);
  }
}
