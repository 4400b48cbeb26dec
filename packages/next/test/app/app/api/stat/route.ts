import { withKm } from "@kmkit/next";
export const dynamic = "force-static";
export const GET = withKm(() => Response.json({ at: "build" }));
