/** For no request. Turbopack would look for a proxy in the folders above, and take `src/proxy.ts` of the package for one. */
export const config = { matcher: "/no/such/path" };

export function proxy(): void {}
