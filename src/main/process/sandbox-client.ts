import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { PlatformError } from '../../protocol/errors.ts';
import type {
  SandboxExit,
  SlotId,
  SupervisorNotice,
  SupervisorRequest,
} from '../../protocol/supervisor.ts';
import { readProcessOutput, type ProcessOutput } from '../../std/process-output.ts';
import { readInPlace } from '../../std/read-in-place.ts';
import type { SupervisorHost } from './child-process.ts';

/** A sandbox that the supervisor started for this process. */
export interface ClientSandbox {
  /** A zygote's is read in place: see std/read-in-place.ts. */
  socket: Socket;
  /** What it prints past the socket; nothing of a builder. */
  output: Pick<ProcessOutput, 'listen'>;
  /**
   * Has the supervisor write a deployment's environment down the sandbox's own pipe, and show it the packages of the
   * bundle before, when one is named. It takes its processor time from the share of `app`.
   */
  specialise(deploymentId: string, bundle?: string, app?: string): void;
  /** It has booted, and no longer yields the processor. */
  booted(): void;
  /** Resolves when a worker comes near its memory limit, if it ever does. */
  nearMemoryLimit: Promise<void>;
  /** Hears what the app's log shall say while connections of a worker are refused. */
  onConnectionsRefused(listener: (text: string) => void): void;
  /** No harm when it has ended. */
  kill(): void;
  /** Stops it until `thaw`, where the machine can; what is asked is done in that order. */
  freeze(): void;
  thaw(): void;
  exited: Promise<SandboxExit>;
}

export interface SandboxClient {
  /** @throws PlatformError sandbox-failed */
  startZygote(memoryMib: number): Promise<ClientSandbox>;
  /** @throws PlatformError sandbox-failed */
  startBuilder(memoryMib: number): Promise<ClientSandbox>;
  /** Those that were started and have not ended. */
  slots(): SlotId[];
}

type StartRequest = Extract<SupervisorRequest, { type: 'start-zygote' | 'start-builder' }>;
type StartBody = StartRequest extends infer R
  ? R extends StartRequest
    ? Omit<R, 'request'>
    : never
  : never;

type OutputNotice = Extract<SupervisorNotice, { type: 'sandbox-output' }>;

interface Pending {
  resolve(sandbox: ClientSandbox): void;
  reject(error: PlatformError): void;
}

/** The supervisor as a starter of sandboxes, over the messages of protocol/supervisor.ts. */
export function createSandboxClient(supervisor: SupervisorHost): SandboxClient {
  const pending = new Map<number, Pending>();
  const nearLimits = new Map<SlotId, () => void>();
  const refusals = new Map<SlotId, (text: string) => void>();
  const exits = new Map<SlotId, (exit: SandboxExit) => void>();
  const outputs = new Map<SlotId, [stdout: Readable, stderr: Readable]>();
  let lastRequest = 0;

  supervisor.onNotice((notice, socket) => handle(notice, socket));

  function handle(notice: SupervisorNotice, socket: Socket | undefined): void {
    switch (notice.type) {
      case 'sandbox-output':
        return keepOutput(notice, socket);
      case 'sandbox-started':
        return started(notice.request, notice.slot, socket);
      case 'sandbox-failed':
        pending.get(notice.request)?.reject(new PlatformError('sandbox-failed', notice.reason));
        pending.delete(notice.request);
        return;
      case 'specialise-failed':
        return ended(notice.slot, failedExit(notice.reason));
      case 'near-memory-limit':
        return nearLimits.get(notice.slot)?.();
      case 'connections-refused':
        return refusals.get(notice.slot)?.(notice.text);
      case 'exited':
        return ended(notice.slot, notice.exit);
      case 'master-keys':
      case 'master-keys-failed':
      case 'certificate-key':
      case 'certificate-key-failed':
      case 'ticket-keys':
      case 'sandboxes':
      case 'draining':
        return; // For others: master-key-client, certificate-key-client, data-https, census-client, end-pushes.
      default:
        return notice satisfies never;
    }
  }

  /** Node drops the handle of a socket that has closed on its way. */
  function keepOutput({ slot, descriptor }: OutputNotice, stream: Readable | undefined): void {
    const streams = outputs.get(slot) ?? [Readable.from([]), Readable.from([])];
    if (stream !== undefined) streams[descriptor - 1] = stream;
    outputs.set(slot, streams);
  }

  function takeOutput(slot: SlotId): ProcessOutput {
    const [stdout, stderr] = outputs.get(slot) ?? [Readable.from([]), Readable.from([])];
    outputs.delete(slot);
    return readProcessOutput(stdout, stderr);
  }

  function started(request: number, slot: SlotId, socket: Socket | undefined): void {
    const waiting = pending.get(request);
    pending.delete(request);
    if (waiting === undefined) return;
    if (socket === undefined) {
      // Node drops the handle of a socket that has closed on its way.
      supervisor.send({ type: 'kill', slot });
      waiting.reject(new PlatformError('sandbox-failed', 'the sandbox ended at once'));
      return;
    }
    const output = takeOutput(slot);
    const ending = new Promise<SandboxExit>((resolve) => exits.set(slot, resolve));
    waiting.resolve({
      socket,
      output,
      specialise: (deployment, bundle, app) =>
        supervisor.send({
          type: 'specialise',
          slot,
          deployment,
          ...(bundle !== undefined && { bundle }),
          ...(app !== undefined && { app }),
        }),
      booted: () => supervisor.send({ type: 'booted', slot }),
      nearMemoryLimit: new Promise((resolve) => nearLimits.set(slot, resolve)),
      onConnectionsRefused: (listener) => {
        if (exits.has(slot)) refusals.set(slot, listener);
      },
      kill: () => supervisor.send({ type: 'kill', slot }),
      freeze: () => supervisor.send({ type: 'freeze', slot }),
      thaw: () => supervisor.send({ type: 'thaw', slot }),
      exited: ending.then(async (exit) => {
        const stderrTail = await output.finish();
        return { ...exit, stderrTail: exit.stderrTail || stderrTail };
      }),
    });
  }

  function ended(slot: SlotId, exit: SandboxExit): void {
    exits.get(slot)?.(exit);
    exits.delete(slot);
    nearLimits.delete(slot);
    refusals.delete(slot);
    outputs.delete(slot);
  }

  function start(body: StartBody): Promise<ClientSandbox> {
    return new Promise((resolve, reject) => {
      const request = ++lastRequest;
      pending.set(request, { resolve, reject });
      supervisor.send({ ...body, request });
    });
  }

  return {
    startZygote: async (memoryMib) => {
      const sandbox = await start({ type: 'start-zygote', runtime: 'nodejs', memoryMib });
      return { ...sandbox, socket: readInPlace(sandbox.socket) };
    },
    startBuilder: (memoryMib) => start({ type: 'start-builder', memoryMib }),
    slots: () => [...exits.keys()],
  };
}

function failedExit(reason: string): SandboxExit {
  return { code: null, signal: null, wasOutOfMemory: false, stderrTail: reason };
}
