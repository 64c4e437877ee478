import { peerAddress } from '../../protocol/peer.ts';
import type { ApiDeps } from '../ports.ts';
import { requirePrivateConnection } from '../private-connection.ts';
import type { ApiInstance } from '../server.ts';
import { noteLogin } from './note-login.ts';
import { LoggedInSchema, OidcBody, OidcSchema } from './schema.ts';

const tags = ['login'];

/** Logging in by the operator's provider of identities: for machines that have no token yet. */
export function oidcRoutes(api: ApiInstance, { access, address, audit }: ApiDeps): void {
  api.get(
    '/login/oidc',
    {
      config: { action: null },
      schema: {
        operationId: 'getOidcProvider',
        tags,
        security: [],
        summary: 'Show where to log in by the provider of identities; takes no token',
        response: { 200: OidcSchema },
      },
    },
    async () => {
      const { issuer, clientId, endpoint, scope } = await access.oidcLogins.describe();
      return {
        issuer,
        client_id: clientId,
        authorization_endpoint: endpoint,
        scope,
      };
    },
  );

  api.post(
    '/login/oidc',
    {
      config: { action: null },
      schema: {
        operationId: 'loginByOidc',
        tags,
        security: [],
        summary: 'Exchange a code of the provider of identities for a token; takes none',
        body: OidcBody,
        response: { 200: LoggedInSchema },
      },
    },
    async (request, reply) => {
      requirePrivateConnection(address, request);
      const { code, code_verifier, redirect_uri, nonce, host_name } = request.body;
      const { token, row } = await access.oidcLogins.login({
        code,
        codeVerifier: code_verifier,
        redirectUri: redirect_uri,
        nonce,
        hostName: host_name,
        from: peerAddress(request.headers),
      });
      const actor = { kind: row.kind, id: row.id, name: row.name };
      await noteLogin(audit, request, { action: 'loginByOidc', actor, row });
      reply.header('cache-control', 'no-store');
      return { token, expires_at: row.expiresAt?.toISOString() ?? '' };
    },
  );
}
