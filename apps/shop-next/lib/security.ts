import { fromElsewhere, pageHeaders } from "@kmkit/shop";
import { type NextRequest, NextResponse } from "next/server";

/**
 * The shop's security in front of every page: forms that another site made the browser send are refused, and a page may run no script but Next's own.
 * Next reads the nonce from the policy in the request, and puts it on its scripts.
 */
export function secured(request: NextRequest): NextResponse {
  if (fromElsewhere(request.method, (name) => request.headers.get(name) ?? undefined)) {
    return new NextResponse("The form was sent from another site, so nothing was done.", { status: 403 });
  }
  const pagePolicy = policyWith(crypto.randomUUID());
  const headers = new Headers(request.headers);
  headers.set(POLICY, pagePolicy);
  const response = NextResponse.next({ request: { headers } });
  // What may be cached Next knows itself.
  for (const [name, value] of Object.entries(pageHeaders)) if (name !== "Cache-Control") response.headers.set(name, value);
  response.headers.set(POLICY, pagePolicy);
  return response;
}

const POLICY = "Content-Security-Policy";
const shop = pageHeaders[POLICY] ?? "";
const [policy, scripts] =
  process.env.NODE_ENV === "development"
    ? [`${shop.replace("style-src", "style-src 'unsafe-inline'")}; font-src 'self'`, "'unsafe-eval' 'strict-dynamic'"]
    : [shop, "'strict-dynamic'"];

/** The shop's own policy, which knows no script, and what Next needs. */
function policyWith(nonce: string): string {
  return `${policy}; connect-src 'self'; script-src 'nonce-${nonce}' ${scripts}`;
}
