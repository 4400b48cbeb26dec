import { withKm } from "@kmkit/next";

export const dynamic = "force-static";
/** Never looks at `request.km`, so that it is made at build time. */
export const GET = withKm(() => Response.json({ at: "build" }));
