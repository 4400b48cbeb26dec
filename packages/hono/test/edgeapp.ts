import type { Setup } from "@kmkit/testkit";
import { appOf, forwarded } from "./app.ts";

// The one script that the edge runtime evaluates; the test has put what it wants into the global object.
const { setup } = globalThis as unknown as { setup: Setup };
const app = appOf(setup);

addEventListener("fetch", (event) => {
  const { request } = event;
  event.respondWith(app.fetch(setup.trustProxy === true ? forwarded(request) : request, {}, event));
});
