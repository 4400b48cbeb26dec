import { subscribe } from "node:diagnostics_channel";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createKm } from "@kmkit/next";

const underWay = new Set<ServerResponse>();
subscribe("http.server.request.start", (message) => {
  const { request, response } = message as { request: IncomingMessage; response: ServerResponse };
  if (request.url !== "/api/quiet") underWay.add(response);
});

/** Answers when every other answer is over and its commands are with the collector; tells the counts. */
export async function POST(): Promise<Response> {
  // Not by listeners: Node counts them, and warns.
  for (const response of underWay) {
    while (!response.closed) await new Promise((resolve) => setTimeout(resolve, 2));
    underWay.delete(response);
  }
  // What follows an answer's end is put at the end of the tick.
  await new Promise((resolve) => setImmediate(resolve));
  const client = createKm();
  await client.flush();
  return Response.json(client.stats());
}
