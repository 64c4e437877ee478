/**
 * Functions that are made, changed and deleted by the API, without a repository at hand. It turns what somebody asks for
 * into commits of the app's repository, and leaves everything else to the path of a push: nothing goes live in another
 * way. It knows nothing of HTTP, and never runs or builds code. Read next: functions.ts, function-source.ts.
 */
export { createFunctions, type Functions } from './functions.ts';
export type { FunctionSettings } from './function-source.ts';
export { createInvocations, type Invocations } from './invocations.ts';
export type { SourcePort } from './ports.ts';
