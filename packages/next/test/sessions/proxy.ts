import type { KmProxy } from "@kmkit/next";
import { auth } from "./lib/authjs";
import { byAuthjs, byIron } from "./lib/km";

/** Auth.js' own proxy inside ours: it renews the session's cookie with every answer. */
const authjs: KmProxy = byAuthjs.kmProxy(
  auth((request) => {
    if (request.nextUrl.pathname === "/authjs/private" && request.auth === null) {
      return Response.redirect(new URL("/authjs", request.nextUrl.origin));
    }
  }),
);
const iron: KmProxy = byIron.kmProxy();

export const proxy: KmProxy = (request, event) => (request.nextUrl.pathname.startsWith("/iron") ? iron : authjs)(request, event);

export const config = { matcher: ["/authjs/:path*", "/iron/:path*"] };
