import type { Registrations } from './registrations.ts';

/** In the order in which they are looked for. */
const FORMS: Record<string, string[]> = {
  methods: ['export function GET(request) { … }'],
  fetch: ['export default { fetch(request, env, ctx) { … } }'],
  lambda: [
    'export const handler = async (event, context) => ({ statusCode: 200, body: "hello" })',
    'export const handler = awslambda.streamifyResponse(async (event, stream, context) => { … })',
  ],
  server: ['http.createServer(…).listen(process.env.PORT), also by Express, Fastify, Koa or Hono'],
  node: [
    'export default (req, res) => { res.end("hello") }',
    'functions.http("name", (req, res) => { … })',
  ],
  web: ['export default (request) => new Response("hello")', 'Deno.serve((request) => …)'],
  plain: [
    'module.exports = ({ method, path, headers, body, query }) => ({ status: 200, body: "hello" })',
  ],
};

const MORE = 'docs/handlers.md describes each, and how fn.json\'s "convention" chooses one.';

/** What the push says when there is nothing to call. */
export function noHandlerMessage(
  entry: string,
  convention: string | null,
  registrations: Registrations,
): string {
  if (convention !== null) return notAsForced(entry, convention);
  const { httpFunctions, eventFunctions } = registrations;
  if (httpFunctions.size > 1) return severalFunctions(entry, [...httpFunctions.keys()]);
  const [event] = eventFunctions;
  if (event !== undefined) return onlyEvents(entry, event);
  return [
    `No handler found in ${entry}. It would be one of:`,
    ...Object.values(FORMS).flatMap((forms) => forms.map((form) => `  ${form}`)),
    MORE,
  ].join('\n');
}

function notAsForced(entry: string, convention: string): string {
  const forms = Object.hasOwn(FORMS, convention) ? FORMS[convention] : undefined;
  if (forms === undefined) {
    const known = Object.keys(FORMS).join(', ');
    return `"convention" in fn.json is "${convention}", which is none. It can be: ${known}.`;
  }
  return [
    `"convention" in fn.json is "${convention}", and ${entry} has no such handler. It would be:`,
    ...forms.map((form) => `  ${form}`),
    MORE,
  ].join('\n');
}

function severalFunctions(entry: string, names: string[]): string {
  return (
    `${entry} registers several functions: ${names.join(', ')}. Which one is it? ` +
    `Name it in fn.json, as in { "handler": "${names[0]}" }, or in the variable FUNCTION_TARGET.`
  );
}

function onlyEvents(entry: string, name: string): string {
  return (
    `${entry} registers "${name}" for CloudEvents, which are not served by HTTP: a function that answers ` +
    `requests is registered as in functions.http("${name}", (req, res) => { … }).`
  );
}
