import { createNextKm } from "@kmkit/next";
import { getSession } from "./session";

/** kmkit for the whole app: proxy, pages, actions and handlers agree on who is logged in. */
export const { km, withKm, kmProxy } = createNextKm({
  identity: async () => (await getSession()).member?.email ?? null,
  // Links of next/link are page views as well.
  navigation: true,
});
