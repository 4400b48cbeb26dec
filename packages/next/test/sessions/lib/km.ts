import { createNextKm, type NextNative } from "@kmkit/next";
import { getIronSession } from "iron-session";
import { cookies } from "next/headers";
import { auth } from "./authjs";
import { type IronSession, sealed } from "./iron";

const place = globalThis as { asked?: number };

/** How often an `identity` option has been asked since the last look. */
export function askedSince(): number {
  const { asked = 0 } = place;
  place.asked = 0;
  return asked;
}

/** What the options say where nobody is logged in: that nobody is, or, as a test wishes, that they do not know. */
function nobody(native: NextNative): null | undefined {
  place.asked = (place.asked ?? 0) + 1;
  return native.headers.get("x-nobody") === "undefined" ? undefined : null;
}

export const byAuthjs = createNextKm({
  identity: async (native) => {
    const unnamed = nobody(native);
    return (await auth())?.user?.id ?? unnamed;
  },
});

export const byIron = createNextKm({
  identity: async (native) => {
    const unnamed = nobody(native);
    return (await getIronSession<IronSession>(await cookies(), sealed)).user ?? unnamed;
  },
});

/** As Clerk's: whoever calls brings a token, and its check takes a moment. */
export const byBearer = createNextKm({
  identity: async (native) => {
    nobody(native);
    const [, name] = /^Bearer token-of-(\w+)$/.exec(native.headers.get("authorization") ?? "") ?? [];
    return Promise.resolve(name);
  },
});
