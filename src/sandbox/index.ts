/**
 * Starts and confines one process. A sandbox is a program with an empty environment and a file system of a few
 * read-only files, in namespaces of its own, without a network, with a filter of system calls, under its own uid when
 * started by root, held by a cgroup where the machine has them. It is spoken to over one inherited socket.
 *
 * This stage never takes a path, an argument or a name from a tenant, never decides what runs for whom, and never
 * opens a file that a sandbox can write. Read bubblewrap-arguments.ts for what a program sees, start-sandbox.ts for
 * the order in which things happen, enclosure.ts for the one other way to run a program, seccomp/ for what it may ask of the kernel, and cgroup.ts for limits.
 */
export { detectCgroups } from './detect-cgroups.ts';
export { sandboxFilter } from './seccomp/filter.ts';
export { bubblewrapEnclosure } from './enclosure.ts';
export { plainEnclosure } from './plain-enclosure.ts';
export { findSharedLibraries } from './shared-libraries.ts';
export { type SelfTest, testSandbox } from './self-test/self-test.ts';
export { descriptorsOf, launchHere } from './launched-process.ts';
export type { LaunchedProcess, Launcher, LaunchOrder, ProcessEnd } from './launched-process.ts';
export { createSandboxes } from './start-sandbox.ts';
export type { Sandbox, Sandboxes } from './start-sandbox.ts';
export type { SandboxProgram, SandboxLimits, SlotUids } from './ports.ts';
export type { CgroupDriver, PlatformPart } from './cgroup.ts';
