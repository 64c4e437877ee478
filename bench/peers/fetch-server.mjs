// The same answer as node-server.ts from the HTTP servers of Deno and Bun, whichever runs this. Prints `ready`.
const { Deno, Bun } = globalThis;
const body = '{"message":"Hello World"}';
const answer = () => new Response(body, { headers: { 'content-type': 'application/json' } });

if (Deno === undefined) {
  Bun.serve({ port: Number(Bun.argv.at(-1)), hostname: '127.0.0.1', fetch: answer });
  process.stdout.write('ready\n');
} else {
  const onListen = () => console.log('ready');
  Deno.serve({ port: Number(Deno.args[0]), hostname: '127.0.0.1', onListen }, answer);
}
