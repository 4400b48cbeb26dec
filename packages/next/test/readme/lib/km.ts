// lib/km.ts
import { createNextKm } from "@kmkit/next";
import { session } from "./session";

export const { km, withKm, kmProxy } = createNextKm({
  identity: async () => (await session()).user?.id ?? null,
});
