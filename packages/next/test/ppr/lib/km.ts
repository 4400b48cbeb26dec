import { createNextKm } from "@kmkit/next";

export const { km, withKm, kmProxy } = createNextKm({ identity: async ({ cookies }) => cookies.get("user")?.value ?? null });
