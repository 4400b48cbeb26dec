import { createNextKm, type NextOptions } from "@kmkit/next";

export const options: NextOptions = {
  async identity({ cookies }) {
    const user = cookies.get("user")?.value;
    // As long as a database takes.
    await new Promise((resolve) => setImmediate(resolve));
    return user ?? null;
  },
};

export const { km, withKm, kmProxy, withKmApi, withKmPage } = createNextKm(options);
