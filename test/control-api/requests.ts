import type { Input, OperationId } from './caller.ts';
import type { World } from './world.ts';

/** The least that somebody needs: of the app, or, after `platform`, of the whole platform. No token is a `signature`. */
type Least = 'nothing' | 'signature' | 'token' | 'viewer' | 'deployer' | 'admin';

interface Tried {
  least: Least;
  /** Of the platform: no token that is confined to an app may. */
  isPlatform?: true;
  /** A pipeline of the app may. */
  ci?: true;
  /** Lists what the token sees, and so answers everybody. */
  isList?: true;
  /** The app of the request is told by its body or its query, or not at all, and not by its path. */
  isOfNoApp?: true;
  /** Only so many at a time, whoever asks. */
  isBounded?: true;
  /** Not tried by those who may. */
  isLast?: true;
  /** One that changes nothing that others rely on: what it answers to who may is no matter, but that it is answered. */
  input: (world: World) => Input;
}

const app = { params: { app: 'mine' } };
const ofFunction = ({ functions }: World): Input => ({ params: { function: functions.mine } });
const ofDomain = { params: { app: 'mine', name: 'none.example.com' } };
const ofCode = { params: { code: 'BCDF-GHJK' } };
const ofPush = { params: { app: 'mine', push: 'push-none' } };

/** Each operation, who may, and how to find out. */
export const REQUESTS: Record<OperationId, Tried> = {
  downloadCommandLine: { least: 'nothing', isOfNoApp: true, input: () => ({}) },
  getAuthority: { least: 'nothing', isOfNoApp: true, input: () => ({}) },
  getOidcProvider: { least: 'nothing', isOfNoApp: true, input: () => ({}) },
  loginByOidc: {
    least: 'nothing',
    isBounded: true,
    isOfNoApp: true,
    input: () => ({
      body: {
        code: 'none',
        code_verifier: 'v'.repeat(43),
        redirect_uri: 'http://127.0.0.1:4/callback',
        nonce: 'n'.repeat(20),
        host_name: 'laptop',
      },
    }),
  },
  beginDeviceLogin: {
    least: 'nothing',
    isBounded: true,
    isOfNoApp: true,
    input: () => ({ body: { host_name: 'x' } }),
  },
  pollDeviceLogin: {
    least: 'nothing',
    isOfNoApp: true,
    input: () => ({ body: { device_code: 'x' } }),
  },
  getDeviceLogin: { least: 'admin', isOfNoApp: true, input: () => ofCode },
  denyDeviceLogin: { least: 'admin', isOfNoApp: true, input: () => ofCode },
  approveDeviceLogin: {
    least: 'admin',
    isOfNoApp: true,
    input: () => ({ ...ofCode, body: { name: 'x', role: 'viewer', apps: ['mine'] } }),
  },
  whoAmI: { least: 'token', isOfNoApp: true, input: () => ({}) },
  getSsh: { least: 'token', isOfNoApp: true, input: () => ({}) },
  listKeys: { least: 'token', isOfNoApp: true, input: () => ({}) },
  addKey: { least: 'token', isOfNoApp: true, input: () => ({ body: { publicKey: 'none' } }) },
  removeKey: { least: 'token', isOfNoApp: true, input: () => ({ params: { id: 'key-none' } }) },
  listApps: { least: 'token', isList: true, input: () => ({}) },
  listFunctions: { least: 'token', isList: true, input: () => ({}) },
  listCertificates: { least: 'token', isList: true, input: () => ({}) },
  listAllDomains: { least: 'token', isList: true, input: () => ({}) },
  getPlatformMetrics: { least: 'viewer', isList: true, input: () => ({}) },
  getAccess: { least: 'viewer', ci: true, input: () => app },
  setAccess: { least: 'admin', input: () => ({ ...app, body: { previews: 'default' } }) },
  listShareLinks: { least: 'deployer', input: () => app },
  createShareLink: { least: 'deployer', input: () => ({ ...app, body: { expiresInSeconds: 60 } }) },
  removeShareLink: { least: 'deployer', input: () => ({ params: { app: 'mine', id: 'none' } }) },
  getApp: { least: 'viewer', ci: true, input: () => app },
  listDeployments: { least: 'viewer', ci: true, input: () => app },
  listReleases: { least: 'viewer', ci: true, input: () => app },
  getDeployment: {
    least: 'viewer',
    ci: true,
    input: () => ({ params: { app: 'mine', deployment: 'v1' } }),
  },
  listPushes: { least: 'viewer', ci: true, input: () => app },
  followPush: { least: 'viewer', ci: true, input: () => ofPush },
  listLogs: { least: 'viewer', ci: true, input: () => app },
  getAppMetrics: { least: 'viewer', ci: true, input: () => app },
  getEnvironment: { least: 'viewer', ci: true, input: () => app },
  listEnvironmentVersions: { least: 'viewer', ci: true, input: () => app },
  listDomains: { least: 'viewer', ci: true, input: () => app },
  getDomain: { least: 'viewer', ci: true, input: () => ofDomain },
  getFunction: { least: 'viewer', ci: true, input: ofFunction },
  listFunctionLogs: { least: 'viewer', ci: true, input: ofFunction },
  getFunctionMetrics: { least: 'viewer', ci: true, input: ofFunction },
  cancelPush: { least: 'deployer', ci: true, input: () => ofPush },
  promote: { least: 'deployer', ci: true, input: () => ({ ...app, body: { target: 'none' } }) },
  redeploy: { least: 'deployer', ci: true, input: () => ({ ...app, body: { target: 'none' } }) },
  rollback: { least: 'deployer', ci: true, input: () => ({ ...app, body: { target: 'v999' } }) },
  invokeFunction: {
    least: 'deployer',
    ci: true,
    input: (world) => ({ ...ofFunction(world), body: {} }),
  },
  rollbackFunction: {
    least: 'deployer',
    ci: true,
    input: (world) => ({ ...ofFunction(world), body: { version: 999 } }),
  },
  updateFunction: {
    least: 'deployer',
    ci: true,
    input: (world) => ({ ...ofFunction(world), body: { runtime: 'cobol' } }),
  },
  deployFunction: {
    least: 'deployer',
    ci: true,
    input: (world) => ({ ...ofFunction(world), body: { runtime: 'cobol' } }),
  },
  changeEnvironment: {
    least: 'deployer',
    input: () => ({ ...app, body: { unset: [{ name: 'NO NAME' }] } }),
  },
  setEnvironmentValue: {
    least: 'deployer',
    input: () => ({ params: { app: 'mine', name: 'NO NAME' }, body: { value: 'x' } }),
  },
  unsetEnvironmentValue: {
    least: 'deployer',
    input: () => ({ params: { app: 'mine', name: 'NO NAME' } }),
  },
  addDomain: { least: 'deployer', input: () => ({ ...app, body: { name: 'no name' } }) },
  removeDomain: { least: 'deployer', input: () => ofDomain },
  verifyDomain: { least: 'deployer', input: () => ofDomain },
  createFunction: {
    least: 'deployer',
    isPlatform: true,
    isOfNoApp: true,
    input: () => ({ body: { name: 'x', runtime: 'cobol', code: 'x' } }),
  },
  uploadCertificate: {
    least: 'deployer',
    input: () => ({ body: { chain: 'x', key: 'x', app: 'mine' } }),
  },
  // Without HTTPS there is none, and nothing to refuse.
  removeCertificate: { least: 'token', isOfNoApp: true, input: () => ({ params: { id: 'x' } }) },
  deleteApp: { least: 'admin', isLast: true, input: () => app },
  deleteFunction: { least: 'admin', isLast: true, input: ofFunction },
  listAppAuditEntries: { least: 'admin', input: () => app },
  listTokens: { least: 'admin', isOfNoApp: true, input: () => ({}) },
  createToken: {
    least: 'admin',
    input: () => ({ body: { name: 'x', role: 'viewer', apps: ['mine'] } }),
  },
  getToken: {
    least: 'admin',
    isPlatform: true,
    isOfNoApp: true,
    input: ({ victim }) => ({ params: { id: victim } }),
  },
  revokeToken: {
    least: 'admin',
    isPlatform: true,
    isOfNoApp: true,
    input: ({ victim }) => ({ params: { id: victim } }),
  },
  listGitHosts: { least: 'viewer', ci: true, input: () => app },
  connectGitHost: {
    least: 'admin',
    input: () => ({ ...app, body: { kind: 'github', url: 'no url', accessToken: 'x' } }),
  },
  disconnectGitHost: {
    least: 'admin',
    input: () => ({ params: { app: 'mine', id: 'git-none' } }),
  },
  receiveHook: {
    least: 'signature',
    isOfNoApp: true,
    input: () => ({ params: { connection: 'git-none' } }),
  },
  getPrometheusMetrics: { least: 'admin', isPlatform: true, isOfNoApp: true, input: () => ({}) },
  checkConsistency: { least: 'admin', isPlatform: true, isOfNoApp: true, input: () => ({}) },
  rotateMasterKey: { least: 'admin', isPlatform: true, isOfNoApp: true, input: () => ({}) },
  listAuditEntries: { least: 'admin', isPlatform: true, isOfNoApp: true, input: () => ({}) },
  verifyAudit: { least: 'admin', isPlatform: true, isOfNoApp: true, input: () => ({}) },
};
