/** What the sandbox stage needs from whoever wires it. */

/** Absolute paths of the system's own programs that make up the launch chain. */
export interface SandboxTools {
  sh: string;
  nsenter: string;
  setpriv: string;
  prlimit: string;
}

/** One unprivileged uid for each sandbox: limits that the kernel counts per uid then count per sandbox. */
export interface SlotUids {
  /** A uid that no process has, or null when all are taken. */
  lease(): number | null;
  /** To be called only when no process of that uid is left. */
  release(uid: number): void;
}

/** What runs, chosen by the platform alone. */
export interface SandboxProgram {
  /** Path inside the sandbox, and its arguments. */
  command: readonly string[];
  /** Read-only files and folders: path inside → path outside. */
  files: Readonly<Record<string, string>>;
  /** Symbolic links: path inside → what it says. */
  links?: Readonly<Record<string, string>>;
  /** Settings of the program itself; never anything of a tenant. */
  environment: Readonly<Record<string, string>>;
}

export interface SandboxLimits {
  memoryMib: number;
  /** Processes and threads together. */
  maxTasks: number;
  /** Size of /tmp; its pages count as memory. */
  tmpMib: number;
  /** Share of the processor against other sandboxes when it is short; 100 is normal (cgroup v2's cpu.weight). */
  cpuWeight: number;
  /** Cores that it may keep busy, also when nobody else wants them; 1.5 is one and a half. */
  cpuCores: number;
}
