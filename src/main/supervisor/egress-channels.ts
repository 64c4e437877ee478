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
  /**
   * The socket belongs to the process from here on. `egress`: what fn.json asks for. Resolves when it has left, or has
   * closed with its sandbox: a byte that the sandbox sends before would be read here, and lost.
   */
  open(slot: SlotId, channel: Socket, egress: readonly string[]): Promise<void>;
  /** To the process, which may be started again at any time: the channels that it had end with it. */
  attach(child: ChildProcess): ProcessListener;
}

interface EgressChannelsDeps {
  policy: EgressPolicy;
  say: (line: string) => void;
}

export function createEgressChannels({ policy, say }: EgressChannelsDeps): EgressChannels {
  const { publicAllowed } = policy;
  /** Called when the process has started; a sandbox has one at most. */
  const waiting = new Set<(process: ChildProcess) => void>();
  let ready: ChildProcess | null = null;

  function send(notice: EgressNotice, channel: Socket): Promise<void> {
    return new Promise((resolve) => {
      if (channel.destroyed) return resolve(); // Its sandbox has ended.
      const hand = (process: ChildProcess): void => {
        waiting.delete(hand);
        process.send(notice, channel, (error) => {
          if (error !== null) channel.destroy();
          resolve();
        });
      };
      channel.once('close', () => {
        waiting.delete(hand);
        resolve();
      });
      if (ready === null) waiting.add(hand);
      else hand(ready);
    });
  }

  return {
    open(slot, channel, egress) {
      const rules = readEgressRules(egress).filter((rule) => isWithin(rule, policy.rules));
      return send({ type: 'slot-channel', slot, rules, publicAllowed }, channel);
    },
    attach: (child) => ({
      ready: () => {
        ready = child;
        for (const hand of waiting) hand(child);
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
