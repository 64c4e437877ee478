import type { Finding } from './finding.ts';
import type { Doors, HeldSandboxes } from './ports.ts';

const RESTART = 'restart the server: what is left of it goes with it';

/** The places of the pools, the supervisor's sandboxes, and what the machine has of them. */
export function compareSandboxes(doors: Doors, held: HeldSandboxes): Finding[] {
  const finding = (message: string): Finding => {
    return { subject: 'sandboxes', app: null, message, remedy: RESTART };
  };
  const counted = new Set(doors.answered.flatMap(({ slots }) => slots));
  const present = new Set(held.slots);
  const isWhole = doors.answered.length === doors.expected;
  const unknown = isWhole ? held.workers.filter((slot) => !counted.has(slot)) : [];
  return [
    ...[...counted]
      .filter((slot) => !present.has(slot))
      .map((slot) => finding(`the pool counts on ${slot}, which has ended`)),
    ...unknown.map((slot) => finding(`${slot} runs, and no pool knows of it`)),
    ...(held.cgroups ?? [])
      .filter((name) => !present.has(name))
      .map((name) => finding(`the cgroup ${name} is there, and its sandbox has ended`)),
    ...held.folders
      .filter((name) => !present.has(name))
      .map((name) => finding(`the code folder of ${name} is there, and its sandbox has ended`)),
  ];
}
