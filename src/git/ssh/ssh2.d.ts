/** What is used of it; it comes without types. */
declare module 'ssh2' {
  import type { EventEmitter } from 'node:events';
  import type { Socket } from 'node:net';
  import type { Duplex, Writable } from 'node:stream';

  export interface ServerConfig {
    hostKeys: string[];
    ident: string;
    keepaliveInterval: number;
    keepaliveCountMax: number;
    algorithms: Record<'kex' | 'serverHostKey' | 'cipher' | 'hmac' | 'compress', string[]>;
  }

  export interface ClientInfo {
    ip: string | undefined;
    port: number | undefined;
    header: { versions: { software: string } };
  }

  export class Server extends EventEmitter {
    constructor(config: ServerConfig);
    injectSocket(socket: Socket): void;
    on(event: 'connection', listener: (client: Connection, info: ClientInfo) => void): this;
    on(event: 'error', listener: (error: Error) => void): this;
  }

  export interface AuthContext {
    method: string;
    accept(): void;
    reject(methodsLeft: string[]): void;
  }

  export interface KeyContext extends AuthContext {
    method: 'publickey';
    key: { algo: string; data: Buffer };
    /** Absent for SHA-1 of RSA, and for algorithms that have but one. */
    hashAlgo?: string;
    /** Absent from a question whether the key would do. */
    signature?: Buffer;
    blob?: Buffer;
  }

  export interface Connection extends EventEmitter {
    on(event: 'authentication', listener: (context: AuthContext) => void): this;
    on(event: 'session', listener: (accept: () => Session, reject: () => void) => void): this;
    on(event: 'ready' | 'close', listener: () => void): this;
    on(event: 'error', listener: (error: Error) => void): this;
  }

  export interface Session extends EventEmitter {
    once(
      event: 'exec',
      listener: (
        accept: () => ServerChannel,
        reject: () => void,
        info: { command: string },
      ) => void,
    ): this;
    once(event: 'close', listener: () => void): this;
  }

  export interface ServerChannel extends Duplex {
    stderr: Writable;
    exit(status: number): void;
    close(): void;
  }

  export interface ParsedKey {
    type: string;
    isPrivateKey(): boolean;
    /** As SSH sends it. */
    getPublicSSH(): Buffer;
    /** An error where the signature can't be one. */
    verify(data: Buffer, signature: Buffer, hash?: string): boolean | Error;
  }

  const ssh2: {
    Server: typeof Server;
    utils: {
      parseKey(data: Buffer | string): ParsedKey | Error;
    };
  };
  export default ssh2;
}
