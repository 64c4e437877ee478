/**
 * Which protections this machine gives, for `fn doctor`, the server's banner and `/readyz`. Everything here was looked
 * at or tried at this start; nothing is taken from the configuration's word. A new protection is one function and its
 * line in `protectionsOf`.
 */
import type { Protection } from '../../protocol/protections.ts';
import type { CgroupDriver } from '../../sandbox/index.ts';
import { confinementRemedy } from './sandboxes/confinement-remedy.ts';

export interface ProtectionFacts {
  isRoot: boolean;
  /** Functions and builds are plain processes: no sandbox starts here. */
  isPlain: boolean;
  cgroups: Pick<CgroupDriver, 'version' | 'holds'>;
  /** The machine has swap space. */
  hasSwap: boolean;
  masterKeyFile: { path: string; mode: number } | null;
  /** What the self-test of each runtime found: null when nothing was possible that must not be. */
  selfTests: Readonly<Record<string, string | null>>;
}

const AS_ROOT = 'start the server as root';
const WITH_CGROUPS = `${AS_ROOT}, or as a systemd service with Delegate=yes`;

export function protectionsOf(facts: ProtectionFacts): Protection[] {
  return [
    ...selfTests(facts),
    uidPerSandbox(facts),
    memoryLimit(facts),
    swapLimit(facts),
    processLimit(facts),
    processorShare(facts),
    processorLimit(facts),
    ...masterKeyFile(facts),
  ];
}

/** Namespaces, capabilities, no-new-privs and what is mounted stand or fall together: the probes look for each. */
function selfTests({ selfTests: results, isPlain }: ProtectionFacts): Protection[] {
  return Object.entries(results).map(([runtime, found]) => ({
    protection: `sandbox-${runtime}`,
    status: found === null ? 'on' : 'off',
    detail: found ?? 'starts, and holds against the self-test',
    ...(isPlain && { fix: confinementRemedy() }),
  }));
}

function uidPerSandbox({ isRoot, isPlain }: ProtectionFacts): Protection {
  const protection = 'uid-per-sandbox';
  if (isRoot) {
    return { protection, status: 'on', detail: 'each process and sandbox has a uid of its own' };
  }
  return {
    protection,
    status: 'off',
    detail: `not root: functions and the platform run as one user, kept apart by ${isPlain ? 'nothing' : 'namespaces alone'}`,
    fix: `${AS_ROOT} where others than you deploy to it`,
  };
}

function memoryLimit({ cgroups }: ProtectionFacts): Protection {
  const protection = 'memory-limit';
  if (cgroups.holds.memory) {
    return { protection, status: 'on', detail: `held by the kernel, cgroups ${cgroups.version}` };
  }
  return {
    protection,
    status: 'degraded',
    detail: 'no cgroups for this user: the server looks four times a second, and ends what is over',
    fix: WITH_CGROUPS,
  };
}

function swapLimit({ cgroups, hasSwap }: ProtectionFacts): Protection {
  const protection = 'no-swap';
  if (cgroups.holds.swap) return { protection, status: 'on', detail: 'functions do not swap' };
  if (!hasSwap) return { protection, status: 'on', detail: 'this machine has no swap space' };
  return {
    protection,
    status: 'off',
    detail: 'functions may fill the swap space, and what they hold may be written to it',
    fix: cgroups.version === 'none' ? WITH_CGROUPS : 'boot with swapaccount=1, or run: swapoff -a',
  };
}

function processLimit({ cgroups, isRoot }: ProtectionFacts): Protection {
  const protection = 'process-limit';
  if (cgroups.holds.pids) return { protection, status: 'on', detail: 'held by the kernel' };
  if (isRoot) return { protection, status: 'degraded', detail: 'by uid alone (RLIMIT_NPROC)' };
  return {
    protection,
    status: 'degraded',
    detail:
      'the server counts four times a second; until then a function may take all of this user',
    fix: WITH_CGROUPS,
  };
}

function processorShare({ cgroups }: ProtectionFacts): Protection {
  const protection = 'cpu-share';
  const { cpuShare, cpuYield } = cgroups.holds;
  if (cpuShare && !cpuYield) {
    return {
      protection,
      status: 'degraded',
      detail: 'a busy function does not yield: its neighbours may wait for some milliseconds',
      fix: 'Linux 5.15 or later, with the controllers cpu and cpuacct',
    };
  }
  return {
    protection,
    ...processorStatus(cpuShare, 'a busy function can slow its neighbours'),
  };
}

function processorLimit({ cgroups }: ProtectionFacts): Protection {
  return {
    protection: 'cpu-limit',
    ...processorStatus(cgroups.holds.cpuQuota, 'a function may use every core'),
  };
}

function processorStatus(isHeld: boolean, otherwise: string): Omit<Protection, 'protection'> {
  if (isHeld) return { status: 'on', detail: 'held by the kernel' };
  return { status: 'off', detail: `without the cpu controller ${otherwise}`, fix: WITH_CGROUPS };
}

/** Left out where there is no file yet: the server makes it with mode 0600. */
function masterKeyFile({ masterKeyFile: file }: ProtectionFacts): Protection[] {
  if (file === null) return [];
  const protection = 'master-key-file';
  const shown = (file.mode & 0o777).toString(8).padStart(4, '0');
  const detail = `${file.path} has mode ${shown}`;
  if ((file.mode & 0o077) === 0) return [{ protection, status: 'on', detail }];
  return [{ protection, status: 'off', detail, fix: `chmod 600 ${file.path}` }];
}
