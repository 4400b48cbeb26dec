import { cookies } from "next/headers";
import { withKm } from "../../../lib/edge";

export const runtime = "edge";

/** An answer that does not end before its reader leaves. */
export const POST = withKm(async (request) => {
  const user = request.nextUrl.searchParams.get("user");
  if (user !== null) (await cookies()).set("user", user);
  request.km.record("Streamed");
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      controller.enqueue(encoder.encode("part "));
      await new Promise((resolve) => setTimeout(resolve, 10));
    },
  });
  return new Response(body);
});
