import { Type } from 'typebox';
import type { PolledLogin } from '../../access/index.ts';
import { peerAddress } from '../../protocol/peer.ts';
import type { DeviceLoginRow } from '../../store/device-logins.ts';
import type { ApiDeps } from '../ports.ts';
import { requirePrivateConnection } from '../private-connection.ts';
import type { ApiInstance } from '../server.ts';
import { noteLogin } from './note-login.ts';
import { oidcRoutes } from './oidc-handlers.ts';
import {
  ApproveBody,
  BeginBody,
  BegunLoginSchema,
  DeviceLoginSchema,
  LoginParams,
  PollBody,
  PolledLoginSchema,
} from './schema.ts';

const tags = ['login'];

export function loginRoutes(api: ApiInstance, deps: ApiDeps): void {
  deviceRoutes(api, deps);
  approvalRoutes(api, deps);
  oidcRoutes(api, deps);
}

/** For machines that have no token yet. */
function deviceRoutes(api: ApiInstance, { access, address, audit }: ApiDeps): void {
  api.post(
    '/login/device',
    {
      config: { action: null },
      schema: {
        operationId: 'beginDeviceLogin',
        tags,
        security: [],
        summary: 'Ask to be let in, with a code that somebody approves; takes no token',
        body: BeginBody,
        response: { 200: BegunLoginSchema },
      },
    },
    async (request) => {
      requirePrivateConnection(address, request);
      const from = peerAddress(request.headers);
      const hostName = request.body.host_name;
      const begun = await access.deviceLogins.begin({ hostName, from });
      return {
        device_code: begun.deviceCode,
        user_code: begun.userCode,
        verification: `fn tokens approve ${begun.userCode}`,
        expires_in: begun.expiresInS,
        interval: begun.intervalS,
      };
    },
  );

  api.post(
    '/login/device/token',
    {
      config: { action: null },
      schema: {
        operationId: 'pollDeviceLogin',
        tags,
        security: [],
        summary: 'Ask whether somebody has approved, and for the token; takes none',
        body: PollBody,
        response: { 200: PolledLoginSchema },
      },
    },
    async (request, reply) => {
      requirePrivateConnection(address, request);
      const from = peerAddress(request.headers);
      reply.header('cache-control', 'no-store');
      const deviceCode = request.body.device_code;
      const polled = await access.deviceLogins.poll({ deviceCode, from });
      if (polled.state === 'approved') {
        const { kind, tokenId: id, tokenName: name } = polled.by;
        const { row } = polled.created;
        await noteLogin(audit, request, {
          action: 'pollDeviceLogin',
          actor: { kind, id, name },
          row,
        });
      }
      return presentPoll(polled);
    },
  );
}

/** For whoever may make tokens. */
function approvalRoutes(api: ApiInstance, { access }: ApiDeps): void {
  const config = { action: 'token.create' } as const;
  const params = LoginParams;

  api.get(
    '/login/device/:code',
    {
      config,
      schema: {
        operationId: 'getDeviceLogin',
        tags,
        summary: 'Show who asks to be let in',
        params,
        response: { 200: DeviceLoginSchema },
      },
    },
    async ({ actor, params: { code } }) => present(await access.deviceLogins.find(actor, code)),
  );

  api.post(
    '/login/device/:code/approve',
    {
      config,
      schema: {
        operationId: 'approveDeviceLogin',
        tags,
        summary: 'Let it in with a token that may do this',
        params,
        body: ApproveBody,
        response: { 200: DeviceLoginSchema },
      },
    },
    async ({ actor, params: { code }, body }) => {
      const { name, role, apps, grants, expiresInSeconds } = body;
      const asked = { kind: 'personal', name, role, apps, grants, expiresInSeconds } as const;
      const request = { ...asked, actions: undefined };
      return present(await access.deviceLogins.approve(actor, code, request));
    },
  );

  api.delete(
    '/login/device/:code',
    {
      config,
      schema: {
        operationId: 'denyDeviceLogin',
        tags,
        summary: 'Do not let it in',
        params,
        response: { 204: Type.Null({ description: 'It is told so' }) },
      },
    },
    async ({ actor, params: { code } }, reply) => {
      await access.deviceLogins.deny(actor, code);
      return reply.code(204).send(null);
    },
  );
}

function presentPoll(polled: PolledLogin) {
  if (polled.state === 'approved') return { state: polled.state, token: polled.created.token };
  return 'intervalS' in polled
    ? { state: polled.state, interval: polled.intervalS }
    : { state: polled.state };
}

function present({ userCode, hostName, address, createdAt, expiresAt }: DeviceLoginRow) {
  return {
    userCode,
    hostName,
    address,
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
  };
}
