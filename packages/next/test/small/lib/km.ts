import { createNextKm } from "@kmkit/next";

export const { km, withKm, kmProxy } = createNextKm({ identity: ({ cookies }) => cookies.get("user")?.value ?? null });
