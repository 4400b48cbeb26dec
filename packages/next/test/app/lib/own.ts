import type { Km } from "@kmkit/next";
import { cookies } from "next/headers";
import { type NextRequest, NextResponse } from "next/server";

/** The app's own proxy. `?proxy=` says what it does with a request; without it, it returns nothing. */
export async function own(request: NextRequest & { readonly km: Km }): Promise<Response | undefined> {
  const does = request.nextUrl.searchParams.get("proxy");
  const to = (path: string) => new URL(path, request.url);
  if (does === "redirect") return NextResponse.redirect(to("/product"));
  if (does === "rewrite") return NextResponse.rewrite(to("/product"));
  if (does === "rewrite-static") return NextResponse.rewrite(to("/static"));
  if (does === "rewrite-away") return NextResponse.rewrite(`http://127.0.0.1:${request.nextUrl.port}/product`);
  if (does === "json") return Response.json({ refused: true }, { status: 403 });
  if (does === "throw") throw new Error("on purpose");
  if (does === "record") request.km.record("Passed Proxy");
  if (does === "headers") {
    const headers = new Headers(request.headers);
    headers.set("x-told", "by the proxy");
    return NextResponse.next({ request: { headers } });
  }
  if (does === "cookies") {
    const response = NextResponse.next();
    response.cookies.set("byNext", "1");
    response.headers.append("set-cookie", "raw=2; Path=/");
    return response;
  }
  if (does === "cookies-api") (await cookies()).set("byApi", "3");
  if (does === "login") {
    const response = NextResponse.redirect(to("/product"));
    response.cookies.set("user", "bob");
    return response;
  }
  return undefined;
}
