import { cookies } from "next/headers";
import { notFound, redirect } from "next/navigation";
import { NextResponse } from "next/server";
import { withKm } from "../../../lib/km";

/** Sets cookies in the ways there are, and ends as `?how=` says. */
export const POST = withKm(async (request) => {
  request.km.record("Ended");
  const how = request.nextUrl.searchParams.get("how");
  (await cookies()).set("byApi", "3");
  if (how === "redirect") redirect("/product");
  if (how === "missing") notFound();
  if (how === "throw") throw new Error("on purpose");
  const response = how === "answer-redirect" ? NextResponse.redirect(new URL("/product", request.url), 303) : NextResponse.json({});
  response.cookies.set("byNext", "1");
  response.headers.append("set-cookie", "raw=2; Path=/");
  return response;
});
