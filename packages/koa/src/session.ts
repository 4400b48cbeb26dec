/** Does this whenever the app puts another session in place (`ctx.session = {}`): where km() comes first, the way back is too late for that. */
export function afterSessionSet(ctx: object, work: () => void): void {
  const own = Object.getOwnPropertyDescriptor(ctx, "session");
  const { get, set } = own ?? Object.getOwnPropertyDescriptor(Object.getPrototypeOf(ctx), "session") ?? {};
  if (get === undefined || set === undefined || own?.configurable === false) return;
  const andThen = (session: unknown) => {
    set.call(ctx, session);
    work();
  };
  Object.defineProperty(ctx, "session", { configurable: true, get, set: andThen });
}
