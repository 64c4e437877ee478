/**
 * The supervisor's end of the egress process where sandboxes have no network: hands it the channel of each sandbox
 * that has become one deployment's, with what the operator allows of that deployment's rules.
 */
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { type EgressPolicy, isWithin, readEgressRules } from '../../model/egress-rule.ts';
import type { EgressNotice } from '../../protocol/egress.ts';
import type { SlotId } from '../../protocol/supervisor.ts';
import type { ProcessListener } from './supervised-process.ts';

export interface EgressChannels {
  /** The socket belongs to the process from here on. `egress`: what fn.json asks for. */
  open(slot: SlotId, channel: Socket, egress: readonly string[]): void;
  /** To the process, which may be started again at any time: the channels that it had end with it. */
  attach(child: ChildProcess): ProcessListener;
}

interface EgressChannelsDeps {
  policy: EgressPolicy;
  say: (line: string) => void;
}

export function createEgressChannels({ policy, say }: EgressChannelsDeps): EgressChannels {
  const { publicAllowed } = policy;
  /** While the process starts; a sandbox has one at most. */
  let waiting: { notice: EgressNotice; channel: Socket }[] = [];
  let ready: ChildProcess | null = null;

  function send(notice: EgressNotice, channel: Socket): void {
    if (channel.destroyed) return; // Its sandbox has ended.
    if (ready === null) waiting.push({ notice, channel });
    else ready.send(notice, channel, (error) => error !== null && channel.destroy());
  }

  return {
    open(slot, channel, egress) {
      const rules = readEgressRules(egress).filter((rule) => isWithin(rule, policy.rules));
      send({ type: 'slot-channel', slot, rules, publicAllowed }, channel);
    },
    attach: (child) => ({
      ready: () => {
        ready = child;
        const held = waiting;
        waiting = [];
        for (const { notice, channel } of held) send(notice, channel);
      },
      message: (raw) => {
        // It has nothing to ask here.
        say(`egress sent what it may not (${JSON.stringify(raw).slice(0, 200)}): ended`);
        child.kill('SIGKILL');
      },
      ended: () => {
        if (ready === child) ready = null;
      },
    }),
  };
}
