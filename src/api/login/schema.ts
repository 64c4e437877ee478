import { Type } from 'typebox';
import { grantFields } from '../tokens/schema.ts';

const MAX_HOST_NAME_CHARACTERS = 255;
const MAX_CODE_CHARACTERS = 60;

/** As RFC 8628 section 3.2 names them; a person approves by a command rather than on a page. */
export const BegunLoginSchema = Type.Object(
  {
    device_code: Type.String({ description: 'What the machine asks with; a secret' }),
    user_code: Type.String({ description: 'What a person types' }),
    verification: Type.String({ description: 'The command that approves it' }),
    expires_in: Type.Integer({ description: 'Seconds' }),
    interval: Type.Integer({ description: 'Seconds from one question to the next' }),
  },
  { title: 'BegunDeviceLogin' },
);

export const BeginBody = Type.Object(
  { host_name: Type.String({ minLength: 1, maxLength: MAX_HOST_NAME_CHARACTERS }) },
  { additionalProperties: false },
);

export const PollBody = Type.Object(
  { device_code: Type.String({ minLength: 1, maxLength: MAX_CODE_CHARACTERS }) },
  { additionalProperties: false },
);

export const PolledLoginSchema = Type.Object(
  {
    state: Type.Enum(['pending', 'slow-down', 'approved', 'denied', 'expired']),
    interval: Type.Optional(Type.Integer({ description: 'Seconds; while nobody has answered' })),
    token: Type.Optional(Type.String({ description: 'Once approved; shown this once' })),
  },
  { title: 'PolledDeviceLogin' },
);

export const OidcSchema = Type.Object(
  {
    issuer: Type.String(),
    client_id: Type.String(),
    authorization_endpoint: Type.String(),
    scope: Type.String(),
  },
  { title: 'OidcProvider' },
);

/** Where the code came back to: a port of the client's own machine (RFC 8252 section 7.3). */
const LOOPBACK_REDIRECT = '^http://127\\.0\\.0\\.1:[0-9]{1,5}/callback$';

export const OidcBody = Type.Object(
  {
    code: Type.String({ minLength: 1, maxLength: 4_000 }),
    // RFC 7636 section 4.1.
    code_verifier: Type.String({ minLength: 43, maxLength: 128 }),
    redirect_uri: Type.String({ pattern: LOOPBACK_REDIRECT }),
    nonce: Type.String({ minLength: 16, maxLength: 128 }),
    host_name: Type.String({ minLength: 1, maxLength: MAX_HOST_NAME_CHARACTERS }),
  },
  { additionalProperties: false },
);

export const LoggedInSchema = Type.Object(
  { token: Type.String({ description: 'Shown this once' }), expires_at: Type.String() },
  { title: 'OidcLogin' },
);

export const LoginParams = Type.Object({ code: Type.String({ maxLength: MAX_CODE_CHARACTERS }) });

export const DeviceLoginSchema = Type.Object(
  {
    userCode: Type.String(),
    hostName: Type.String({ description: 'What the machine calls itself' }),
    address: Type.String({ description: 'Where it asks from' }),
    createdAt: Type.String(),
    expiresAt: Type.String(),
  },
  { title: 'DeviceLogin' },
);

export const ApproveBody = Type.Object(grantFields, { additionalProperties: false });
