import { subscribe } from "node:diagnostics_channel";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createKm } from "@kmkit/next";
import { askedSince } from "../../../lib/km";

const underWay = new Set<ServerResponse>();
subscribe("http.server.request.start", (message) => {
  const { request, response } = message as { request: IncomingMessage; response: ServerResponse };
  if (request.url === "/api/quiet") return;
  underWay.add(response);
  response.once("close", () => underWay.delete(response));
});

/** Answers when every other answer is over and its commands are with the collector; tells the counts. */
export async function POST(): Promise<Response> {
  while (underWay.size > 0) await Promise.all([...underWay].map((one) => new Promise((resolve) => one.once("close", resolve))));
  // What follows an answer's end is put at the end of the tick.
  await new Promise((resolve) => setImmediate(resolve));
  const client = createKm();
  await client.flush();
  return Response.json({ ...client.stats(), asked: askedSince() });
}
