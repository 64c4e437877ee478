import type { ChildProcess } from 'node:child_process';
import type { SupervisorNotice } from '../../../protocol/supervisor.ts';
import type { Sandbox } from '../../../sandbox/index.ts';

type StartedNotice = Extract<SupervisorNotice, { type: 'sandbox-started' }>;

/** Gives a sandbox to who asked for it. The program starts when its sockets have left this process: see `Sandbox.boot`. */
export function handOver(child: ChildProcess, notice: StartedNotice, sandbox: Sandbox): void {
  if (sandbox.output !== null) {
    const { stdout, stderr } = sandbox.output;
    for (const [descriptor, socket] of [
      [1, stdout],
      [2, stderr],
    ] as const) {
      const output: SupervisorNotice = { type: 'sandbox-output', slot: notice.slot, descriptor };
      child.send(output, socket, () => {}); // A channel that has closed is told by the last.
    }
  }
  child.send(notice, sandbox.socket, (error) => {
    if (error === null) return sandbox.boot();
    sandbox.kill();
    sandbox.output?.stdout.destroy();
    sandbox.output?.stderr.destroy();
  });
}
