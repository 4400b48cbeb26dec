import type { Client, Km, PropertiesInput, RecordOptions } from "@kmkit/core";
import { cache } from "react";

/** What all components of one request share. */
export interface Rendered {
  readonly km: Km;
  readonly client: Client;
  /** What they have recorded in it. */
  readonly rendered: Set<string>;
}

/** One object a rendering: outside of one React remembers nothing, so that two calls give two. */
const probe = cache(() => ({}));

/** Whether this code runs because React renders a server component, and not in an action or a handler. */
export function isRendering(): boolean {
  const first = probe();
  return first === probe();
}

/**
 * The visitor as components see it. React renders a component whenever it needs its output, and more than once a request: so the same command of one
 * request counts once, and what is rendered for something else than a page load counts only if the app wants it.
 */
export class RenderingKm implements Km {
  private readonly visit: Rendered;
  private readonly counts: boolean;

  /** `counts`: it is a page load, or the app wants the others too. */
  constructor(visit: Rendered, counts: boolean) {
    this.visit = visit;
    this.counts = counts;
  }

  get identity(): string {
    return this.visit.km.identity;
  }

  get anonymous(): boolean {
    return this.visit.km.anonymous;
  }

  record(name: string | PropertiesInput, properties?: PropertiesInput, options?: RecordOptions): void {
    if (this.once("record", name, properties, options)) this.visit.km.record(name as string, properties, options);
  }

  set(properties: PropertiesInput): void {
    if (this.once("set", properties)) this.visit.km.set(properties);
  }

  identify(identity: string | null): void {
    this.visit.km.identify(identity);
  }

  alias(a: string, b?: string): void {
    if (this.once("alias", a, b)) this.visit.km.alias(a, b);
  }

  private once(...command: unknown[]): boolean {
    if (!this.counts) {
      if (!this.visit.rendered.has("")) this.visit.client.leaveOut("rendering");
      this.visit.rendered.add("");
      return false;
    }
    const text = fingerprint(command);
    if (text === undefined || !this.visit.rendered.has(text)) {
      if (text !== undefined) this.visit.rendered.add(text);
      return true;
    }
    return false;
  }
}

/** Undefined for what cannot be told apart (circular, bigint): that counts each time. */
function fingerprint(command: readonly unknown[]): string | undefined {
  try {
    return JSON.stringify(command);
  } catch {
    return undefined;
  }
}
