/**
 * Answers what control and data ask of the supervisor. Each process reaches only the sandboxes that it started, of
 * the one kind that it may start, and loses them all when it ends.
 */
import type { ChildProcess } from 'node:child_process';
import { MIN_MEMORY_MIB } from '../../../model/limits.ts';
import { PlatformError } from '../../../protocol/errors.ts';
import type { SlotId, SupervisorNotice, SupervisorRequest } from '../../../protocol/supervisor.ts';
import type { SlotNetwork, SlotNetworks } from '../../../network/index.ts';
import type {
  CgroupDriver,
  Launcher,
  Sandbox,
  SandboxProgram,
  Sandboxes,
} from '../../../sandbox/index.ts';
import type { SealedEnvironment } from '../../../model/environment.ts';
import { systemClock } from '../../../std/clock.ts';
import { failpoint } from '../../../std/failpoint.ts';
import { randomName } from '../../../std/ids.ts';
import { AppShares } from './app-shares.ts';
import type { CodeSlots } from './code-slots.ts';
import type { EgressChannels } from '../network/egress-channels.ts';
import type { EgressLink } from '../network/egress-link.ts';
import { handOver } from './hand-over.ts';
import { changeMasterKeys, type KeyDeps, openCertificate } from '../key-requests.ts';
import { SandboxCensus } from './sandbox-census.ts';
import { type SandboxKind, sandboxLimits } from './sandbox-limits.ts';
import {
  isKeyRequest,
  isSlotRequest,
  mayAsk,
  parseSupervisorRequest,
} from '../supervisor-requests.ts';
import type { ProcessListener } from '../supervised-process.ts';

interface LinkedNetworks {
  networks: Pick<SlotNetworks, 'lease'>;
  link: Pick<EgressLink, 'open' | 'close'>;
}

interface BrokerDeps extends KeyDeps {
  sandboxes: Pick<Sandboxes, 'startBy'>;
  /** Makes their processes: who waits for an environment must not wait for that. */
  launcher: Launcher;
  /** Its processor, for which apps have shares. */
  cgroups: Pick<CgroupDriver, 'sandboxes' | 'office' | 'openLevel' | 'sandboxNames'>;
  program: (kind: SandboxKind, memoryMib: number) => SandboxProgram;
  codeSlots: CodeSlots;
  /** Null where sandboxes have no network. */
  networks: LinkedNetworks | null;
  /** Null where they have networks, or connect to nothing. */
  channels: Pick<EgressChannels, 'open'> | null;
  /** @throws when there is no sealed file of the deployment, or it does not open. */
  openSealed: (deployment: string) => SealedEnvironment;
}

interface BrokerOptions {
  /** The most that one sandbox may have. */
  maxMemoryMib: Readonly<Record<SandboxKind, number>>;
  /** Of each kind at a time, whichever process started them. */
  maxSandboxes: number;
  /** The machine's. */
  cores: number;
}

export interface SandboxBroker {
  /** For one process, which may start sandboxes of that kind. */
  attach(child: ChildProcess, kind: SandboxKind): ProcessListener;
  /** Ends every sandbox; resolves when nothing of them is left. */
  close(): Promise<void>;
}

interface Slot {
  sandbox: Sandbox;
  network: SlotNetwork | null;
  /** An environment is given once: a sandbox is one deployment's for life. */
  isSpecialised: boolean;
}

type SpecialiseRequest = Extract<SupervisorRequest, { type: 'specialise' }>;
type StartRequest = Extract<SupervisorRequest, { memoryMib: number }>;

const CODE_FOLDER = '/code';

export function createSandboxBroker(deps: BrokerDeps, options: BrokerOptions): SandboxBroker {
  const shares = new AppShares({
    sandboxes: deps.cgroups.sandboxes,
    office: deps.cgroups.office,
    openLevel: deps.cgroups.openLevel,
    cores: options.cores,
    clock: systemClock,
  });
  const releases = new Set<Promise<void>>();
  const attached = new Set<ProcessListener>();
  const census = new SandboxCensus(deps.cgroups, deps.codeSlots);

  function attach(child: ChildProcess, kind: SandboxKind): ProcessListener {
    const slots = new Map<SlotId, Slot>();
    let hasEnded = false;
    const sayFailure = (error: unknown): void =>
      deps.say(`a slot's folder stays: ${String(error)}`);
    const notify = (notice: SupervisorNotice): void => {
      if (child.connected) child.send(notice, () => {});
    };

    async function start(request: StartRequest): Promise<void> {
      const reason = refusal(request.memoryMib);
      if (reason !== null) {
        notify({ type: 'sandbox-failed', request: request.request, reason });
        return;
      }
      const slot = `slot-${randomName(12)}`;
      let network: SlotNetwork | null = null;
      census.begin(slot, kind);
      await failpoint('sandbox.asked');
      try {
        if (kind === 'zygote') network = (await deps.networks?.networks.lease()) ?? null;
        if (hasEnded) throw new PlatformError('unavailable', 'who asked for it has ended');
        await run(slot, request, network);
      } catch (error) {
        network?.close();
        census.ended(slot);
        if (!(error instanceof PlatformError)) throw error;
        void forget(slot);
        if (!hasEnded) deps.say(`a sandbox did not start: ${error.message}`);
        notify({ type: 'sandbox-failed', request: request.request, reason: error.message });
      }
    }

    function refusal(memoryMib: number): string | null {
      if (census.count(kind) >= options.maxSandboxes) return 'too many sandboxes';
      const max = options.maxMemoryMib[kind];
      if (memoryMib >= MIN_MEMORY_MIB && memoryMib <= max) return null;
      return `${memoryMib} MB of memory are not within ${MIN_MEMORY_MIB} to ${max} MB`;
    }

    async function run(
      slot: SlotId,
      { request, memoryMib }: StartRequest,
      network: SlotNetwork | null,
    ): Promise<void> {
      const starting = deps.sandboxes.startBy(deps.launcher, {
        name: slot,
        program: programOf(slot, memoryMib),
        limits: sandboxLimits(kind, memoryMib, options.cores),
        handsOverOutput: kind === 'zygote',
        ...(network !== null && { network: network.file }),
        hasChannel: kind === 'zygote' && deps.channels !== null,
      });
      const settled = starting.then(nothing, nothing).finally(() => releases.delete(settled));
      releases.add(settled);
      const sandbox = await starting;
      slots.set(slot, { sandbox, network, isSpecialised: false });
      census.running(slot);
      if (hasEnded) sandbox.kill();
      shares.joinUnowned(kind === 'zygote' ? 'zygotes' : 'builds', sandbox);
      handOver(child, { type: 'sandbox-started', request, slot }, sandbox);
      void reportExit(slot, sandbox);
      if (kind === 'zygote') {
        void sandbox.nearMemoryLimit.then(() => notify({ type: 'near-memory-limit', slot }));
      }
      const released = leave(slot, sandbox, network).finally(() => releases.delete(released));
      releases.add(released);
    }

    /** Functions see a folder of their own as /code; builders have none. */
    function programOf(slot: SlotId, memoryMib: number): SandboxProgram {
      const program = deps.program(kind, memoryMib);
      if (kind !== 'zygote') return program;
      return { ...program, files: { ...program.files, [CODE_FOLDER]: deps.codeSlots.open(slot) } };
    }

    async function leave(
      slot: SlotId,
      sandbox: Sandbox,
      network: SlotNetwork | null,
    ): Promise<void> {
      await sandbox.released;
      if (network !== null) {
        deps.networks?.link.close(network);
        network.close();
      }
      await forget(slot);
    }

    async function forget(slot: SlotId): Promise<void> {
      if (kind === 'zygote') await deps.codeSlots.remove(slot).catch(sayFailure);
      census.gone(slot);
    }

    async function reportExit(slot: SlotId, sandbox: Sandbox): Promise<void> {
      const exit = await sandbox.exited;
      slots.delete(slot);
      census.ended(slot);
      notify({ type: 'exited', slot, exit });
    }

    function booted(id: SlotId): void {
      const slot = slots.get(id);
      // One that is an app's yields as the app does.
      if (slot?.isSpecialised === false) shares.booted(slot.sandbox);
    }

    async function specialise(request: SpecialiseRequest): Promise<void> {
      const { slot: id, deployment, bundle, app = deployment } = request;
      const slot = slots.get(id);
      if (slot === undefined || slot.isSpecialised) return; // It has just ended, which the process will hear.
      slot.isSpecialised = true;
      try {
        // Where it may connect to is nothing that the code is told.
        const { egress = [], ...environment } = deps.openSealed(deployment);
        if (bundle !== undefined) await deps.codeSlots.fill(id, bundle);
        const log = (text: string): void => notify({ type: 'connections-refused', slot: id, text });
        if (slot.network !== null)
          await deps.networks?.link.open(slot.network, { app, egress, log });
        if (slot.sandbox.channel !== null) {
          const lost = (): void => slot.sandbox.kill();
          await deps.channels?.open(id, slot.sandbox.channel, { app, egress, lost });
        }
        slot.sandbox.giveEnvironment(environment);
        await failpoint('sandbox.environment-given');
        // Afterwards: its start waits for the environment, and not for this.
        shares.join(app, slot.sandbox);
      } catch (error) {
        deps.say(`the environment or packages of ${deployment} cannot be given: ${String(error)}`);
        const reason = 'its environment or its packages cannot be opened';
        notify({ type: 'specialise-failed', slot: id, reason });
        slot.sandbox.kill();
      }
    }

    function message(raw: SupervisorRequest): void {
      const request = parseSupervisorRequest(raw);
      if (request === null || !mayAsk(kind, request)) {
        deps.say(`a process sent what it may not (${JSON.stringify(raw).slice(0, 200)}): ended`);
        child.kill('SIGKILL');
      } else if (request.type === 'specialise') {
        void specialise(request);
      } else if (request.type === 'booted') {
        booted(request.slot);
      } else if (request.type === 'list-sandboxes') {
        notify({ type: 'sandboxes', request: request.request, ...census.list() });
      } else if (request.type === 'open-certificate') {
        notify(openCertificate(deps, request));
      } else if (isKeyRequest(request)) {
        void changeMasterKeys(deps, request).then(notify);
      } else if (isSlotRequest(request)) {
        slots.get(request.slot)?.sandbox[request.type]();
      } else {
        void start(request);
      }
    }

    const listener: ProcessListener = {
      message,
      ended: () => {
        hasEnded = true;
        attached.delete(listener);
        for (const { sandbox } of slots.values()) sandbox.kill();
      },
    };
    attached.add(listener);
    return listener;
  }

  return {
    attach,
    close: async () => {
      for (const listener of attached) listener.ended();
      // Those that were being started join it when they have.
      while (releases.size > 0) await Promise.all(releases);
    },
  };
}

function nothing(): void {}
