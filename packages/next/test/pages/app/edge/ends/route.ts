import { cookies } from "next/headers";
import { notFound, redirect } from "next/navigation";
import { withKm } from "../../../lib/edge";

export const runtime = "edge";

/** Ends as `?how=` says. */
export const POST = withKm(async (request) => {
  request.km.record("Ended");
  const { searchParams } = request.nextUrl;
  const user = searchParams.get("user");
  (await cookies()).set("own", "1");
  if (user !== null) (await cookies()).set("user", user);
  const how = searchParams.get("how");
  if (how === "redirect") redirect("/still");
  if (how === "missing") notFound();
  throw new Error("on purpose");
});
