/** One host that code may reach although it is not public: what `"egress": ["db.internal:5432"]` says. */
export interface EgressRule {
  /** A host name, `*.domain` for every name below a domain, an IP address or a CIDR range; lower case, no brackets. */
  host: string;
  /** Null is every port. */
  port: number | null;
}
