import { NextRequest } from "next/server.js";
import { expect, test, vi } from "vitest";
import { recorder, withKm } from "../src/index.ts";

// How you test what your own handlers record: recorder() takes the place of the collector, and nothing of Next needs to run.
test("a purchase is recorded with its price", async () => {
  const { client, commands } = recorder();
  const POST = withKm(
    (request) => {
      request.km.record("Bought", { Price: 79 });
      return Response.json({ ok: true });
    },
    { client },
  );

  const response = await POST(new NextRequest("http://localhost/api/buy", { method: "POST" }), {});
  await response.text();
  await vi.waitFor(() => expect(commands).toMatchObject([{ type: "record", name: "Bought" }]));
});
