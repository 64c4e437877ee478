/**
 * The control API's JSON for domains, beside control-api.ts. `:name` may be written as people write it: it is read as
 * `POST` reads it.
 *
 *     GET    /domains                           → Page<DomainView and `app`>, by app and name
 *     GET    /apps/:app/domains                 → Page<DomainView>, by name
 *     POST   /apps/:app/domains                 DomainRequestBody → 201 DomainView; for one that the app has too
 *     GET    /apps/:app/domains/:name           → DomainView, as it was when DNS was last asked
 *     POST   /apps/:app/domains/:name/verify    → DomainView; asks DNS now
 *     DELETE /apps/:app/domains/:name           → DomainRemoval
 */
import type { DomainFinding, DomainPointing, DomainProof, DomainRecord } from '../model/domain.ts';

export interface DomainView {
  /** In A-labels and lower case, `*.example.com` for all names one level below. */
  name: string;
  /** The same for people, where it has letters beyond ASCII. */
  displayName: string;
  /** Only a verified one is served. */
  state: 'pending' | 'verified';
  /** Where it answers once it is verified and leads here. */
  url: string;
  /** Branch or tag that it serves; null for production. */
  branch: string | null;
  /** The app's domain that it redirects to, once that is verified. */
  redirectTo: string | null;
  proof: DomainProof | null;
  /** `unknown` before DNS was asked, and where it could not tell. */
  pointing: DomainPointing;
  /** What keeps it from being verified, or from being reached; null when nothing does. */
  problem: string | null;
  /**
   * What DNS is to have. A record for `both` proves the name and leads it here; without it one for `proof` and those for
   * `pointing` are wanted.
   */
  records: DomainRecord[];
  /** What DNS had when it was last asked. */
  findings: (DomainFinding & { message: string })[];
  /** Null where there is to be none: without HTTPS, and before it is verified. */
  certificate: DomainCertificate | null;
  checkedAt: string | null;
  /** When DNS will be asked again by itself; null for never. */
  nextCheckAt: string | null;
  createdAt: string;
  verifiedAt: string | null;
}

export interface DomainCertificate {
  /**
   * `pending`: there is none yet, and nothing has failed. `failing`: there is none, or it is not renewed, with time left.
   * `at-risk`: it is not renewed, and less than a third of its life is left.
   */
  state: 'valid' | 'pending' | 'failing' | 'at-risk' | 'expired';
  /** Null when there is none. */
  expiresAt: string | null;
  problem: string | null;
  hint: string | null;
}

export interface DomainRequestBody {
  name: string;
  /** Without it, production. */
  branch?: string;
  /** Another domain of the app. */
  redirectTo?: string;
}

export interface DomainRemoval {
  name: string;
  /** Until then no other app gets the name; null for one that was never verified. */
  quarantinedUntil: string | null;
  /** Domains that redirected to it; they serve what they lead to themselves now. */
  redirects: string[];
}
