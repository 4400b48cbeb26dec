interface Gate {
  readonly promise: Promise<void>;
  open(): void;
}

/** On the global object: pages and route handlers are bundles of their own. */
const place = globalThis as { gates?: Map<string, Gate> };

/** Something that a page waits for until a test opens it, or the other way round. */
export function gate(name: string): Gate {
  place.gates ??= new Map();
  const known = place.gates.get(name);
  if (known !== undefined) return known;
  let open: () => void = () => {};
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  const made = { promise, open: () => open() };
  place.gates.set(name, made);
  return made;
}
