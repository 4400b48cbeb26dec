import { randomBytes } from "node:crypto";
import { createMembers, type Members } from "@kmkit/shop";

/** What this shop keeps in memory, as it is a demo: a restart empties it. */
export interface Memory {
  readonly members: Members;
  /** The sessions that were logged out, and until when their cookies would be good. */
  readonly ended: Map<string, number>;
  /** Seals the session cookies. By default a new one is made, which is right while the accounts live in memory as well. */
  readonly secret: string;
}

/** On the global object: pages, actions, route handlers and the proxy are bundles of their own, each with a copy of this module. */
const place = globalThis as { blueHour?: Memory };

/** The one memory of this process. */
export function memory(): Memory {
  place.blueHour ??= {
    members: createMembers(),
    ended: new Map(),
    secret: process.env.SHOP_SECRET ?? randomBytes(32).toString("hex"),
  };
  return place.blueHour;
}
