/**
 * The control API's JSON for certificates, beside control-api.ts. Keys go in and never come out.
 *
 *     GET    /certificates              → Page<CertificateView>: those of the platform and of the apps that the token may see
 *     POST   /certificates              CertificateUpload → 201 UploadedCertificate; in place of an upload with no other names
 *     DELETE /certificates/:id          → 204; an upload's
 *     GET    /certificates/authority    → LocalAuthorityView; without a token, since everybody who connects sees it
 */
export interface CertificateView {
  /** Null for one that was not issued yet. */
  id: string | null;
  /** A-labels in lower case, `*.example.com`, or IP addresses. */
  names: string[];
  /** Null: the platform's own. */
  app: string | null;
  /** Ordered at a certificate authority, issued by this machine's own, or uploaded. */
  source: 'acme' | 'local' | 'upload';
  /**
   * `pending`: there is none yet, and nothing has failed. `failing`: it could not be ordered or renewed, and there is time.
   * `at-risk`: it ends soon, and there is nothing in its place. `expired`: it is over.
   */
  state: 'valid' | 'pending' | 'failing' | 'at-risk' | 'expired';
  notAfter: string | null;
  /** When the platform orders, renews or tries again; null where it does nothing by itself. */
  nextAttempt: string | null;
  problem: { message: string; hint: string } | null;
}

export interface CertificateUpload {
  /** PEM, leaf first. */
  chain: string;
  /** PEM, unencrypted. */
  key: string;
  /** Whose domains it is for; without it, those of the platform, which only an admin may change. */
  app?: string;
}
