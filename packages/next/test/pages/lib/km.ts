import { createNextKm, type NextOptions } from "@kmkit/next";

export const options: NextOptions = { identity: ({ cookies }) => cookies.get("user")?.value ?? null };

export const { km, withKm, kmProxy, withKmApi, withKmPage } = createNextKm(options);
