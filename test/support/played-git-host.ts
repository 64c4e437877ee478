import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import https from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { issue } from './issued.ts';
import { listen } from './listen.ts';

export interface HostCall {
  method: string;
  path: string;
  token: string;
  body: Record<string, unknown>;
}

interface HostReply {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

/** A git host of one repository, `/ada/hello.git`: git's own http-backend, and an API that remembers what it is told. */
export interface PlayedGitHost extends AsyncDisposable {
  /** `https://127.0.0.1:<port>`. */
  readonly url: string;
  readonly host: string;
  /** PEM. */
  readonly authority: string;
  /** Of the repository, for a local git. */
  readonly folder: string;
  readonly calls: HostCall[];
  /** What the API answers; 201 with an id otherwise. */
  answer: (call: HostCall) => HostReply | null;
  /** All of git is redirected there. */
  redirectTo: string | null;
  /** Answers git instead of the repository. */
  git: ((request: IncomingMessage, response: ServerResponse) => void) | null;
}

export const ACCESS_TOKEN = 'planted-access-token';

export async function playGitHost(): Promise<PlayedGitHost> {
  const authority = await issue({ subject: 'Played authority', isCa: true });
  const leaf = await issue({ subject: 'host', issuer: authority, names: ['127.0.0.1'] });
  const root = await mkdtemp(join(tmpdir(), 'gitfn-played-host-'));
  const folder = join(root, 'ada/hello.git');
  await run('git', ['init', '-q', '--bare', '-b', 'main', folder]);
  const server = https.createServer({ key: leaf.key, cert: leaf.certificate });
  const port = await listen(server);
  const played: PlayedGitHost = {
    url: `https://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    authority: authority.certificate,
    folder,
    calls: [],
    answer: () => null,
    redirectTo: null,
    git: null,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await rm(root, { recursive: true, force: true });
    },
  };
  server.on('request', (request, response) => {
    const isGit = request.url?.startsWith('/ada/hello.git');
    if (isGit && played.git !== null) played.git(request, response);
    else if (isGit) void serveGit(root, played, request, response);
    else void serveApi(played, request, response);
  });
  return played;
}

async function serveApi(
  played: PlayedGitHost,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const text = (await buffer(request)).toString();
  const { authorization = '', 'private-token': privateToken = '' } = request.headers;
  const call = {
    method: request.method ?? '',
    path: request.url ?? '',
    token: String(privateToken) || authorization.replace(/^\w+ /, ''),
    body: JSON.parse(text) as Record<string, unknown>,
  };
  played.calls.push(call);
  const { status, headers, body }: HostReply = played.answer(call) ?? { status: 201 };
  response.writeHead(status, headers);
  response.end(body ?? JSON.stringify({ id: 1_000 + played.calls.length }));
}

/** As CGI (RFC 3875) has it. */
async function serveGit(
  root: string,
  { redirectTo }: PlayedGitHost,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const basic = Buffer.from(request.headers.authorization?.slice(6) ?? '', 'base64').toString();
  if (redirectTo !== null) {
    response.writeHead(302, { location: redirectTo }).end();
    return;
  }
  if (!basic.endsWith(`:${ACCESS_TOKEN}`)) {
    response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
    return;
  }
  const [path = '', query = ''] = (request.url ?? '').split('?');
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env['PATH'],
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      REQUEST_METHOD: request.method,
      PATH_INFO: path,
      QUERY_STRING: query,
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      REMOTE_USER: 'ada',
    },
  });
  request.pipe(child.stdin);
  const answer = await buffer(child.stdout);
  const end = answer.indexOf('\r\n\r\n');
  for (const line of answer.subarray(0, end).toString().split('\r\n')) {
    const [name = '', value = ''] = line.split(': ');
    if (name === 'Status') response.statusCode = Number.parseInt(value, 10);
    else response.setHeader(name, value);
  }
  response.end(answer.subarray(end + 4));
}

function run(file: string, args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    spawn(file, args).on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`${code}`)),
    );
  });
}
