/**
 * The supervisor's end of the egress process where sandboxes have no network: hands it the channel of each sandbox
 * that has become one deployment's, with what the operator allows of that deployment's rules.
 */
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { type EgressPolicy, isWithin, readEgressRules } from '../../../model/egress-rule.ts';
import type { ChannelTaken, EgressNotice } from '../../../protocol/egress.ts';
import type { SlotId } from '../../../protocol/supervisor.ts';
import type { ProcessListener } from '../supervised-process.ts';

export interface EgressChannels {
  /**
   * The socket belongs to the process from here on. Resolves when it has left, or has closed with its sandbox: a byte
   * that the sandbox sends before would be read here, and lost.
   */
  open(slot: SlotId, channel: Socket, sandbox: ChannelOwner): Promise<void>;
  /** To the process, which may be started again at any time: the channels that it had end with it. */
  attach(child: ChildProcess): ProcessListener;
}

interface ChannelOwner {
  app: string;
  /** What fn.json asks for. */
  egress: readonly string[];
  /** The process ended before it had the channel: nothing will ever come by it, nor its end. */
  lost: () => void;
}

interface EgressChannelsDeps {
  policy: EgressPolicy;
  say: (line: string) => void;
}

interface Handed {
  notice: Extract<EgressNotice, { type: 'slot-channel' }>;
  channel: Socket;
  lost: () => void;
}

export function createEgressChannels({ policy, say }: EgressChannelsDeps): EgressChannels {
  const { publicAllowed } = policy;
  /** Called when the process has started; a sandbox has one at most. */
  const waiting = new Set<(process: ChildProcess) => void>();
  /** On their way to the process, until it says that it has them: Node tells nothing of those that it never took. */
  const given = new Map<SlotId, () => void>();
  let ready: ChildProcess | null = null;

  function send({ notice, channel, lost }: Handed): Promise<void> {
    return new Promise((resolve) => {
      if (channel.destroyed) return resolve(); // Its sandbox has ended.
      const hand = (process: ChildProcess): void => {
        waiting.delete(hand);
        given.set(notice.slot, () => {
          lost();
          resolve();
        });
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

  function taken(raw: unknown): boolean {
    const { type, slot } = (raw ?? {}) as Partial<ChannelTaken>;
    return type === 'channel-taken' && typeof slot === 'string' && given.delete(slot);
  }

  return {
    open(slot, channel, { app, egress, lost }) {
      const rules = readEgressRules(egress).filter((rule) => isWithin(rule, policy.rules));
      const notice = { type: 'slot-channel' as const, app, slot, rules, publicAllowed };
      return send({ notice, channel, lost });
    },
    attach: (child) => ({
      ready: () => {
        ready = child;
        for (const hand of waiting) hand(child);
      },
      message: (raw) => {
        if (ready === child && taken(raw)) return;
        // It has nothing to ask here.
        say(`egress sent what it may not (${JSON.stringify(raw).slice(0, 200)}): ended`);
        child.kill('SIGKILL');
      },
      ended: () => {
        if (ready !== child) return;
        ready = null;
        const unheard = [...given.values()];
        given.clear();
        for (const giveUp of unheard) giveUp();
      },
    }),
  };
}
