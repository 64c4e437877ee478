import type { RpcClient } from '../protocol/rpc.ts';
import type { ControlForGit } from '../protocol/git-front.ts';

/** Control, which knows tokens and apps, and builds what is pushed. */
export type ControlPort = RpcClient<ControlForGit>;

/** Where the front says what an operator should know; never a token. */
export interface LogPort {
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
}
