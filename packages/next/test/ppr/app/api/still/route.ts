import { withKm } from "@kmkit/next";

/** Never looks at `request.km`, so that it is made at build time. */
export const GET = withKm(() => Response.json({ at: "build" }));
