import type { Km, PropertiesInput, RecordOptions } from "@kmkit/core";
import { cache } from "react";
import type { Visit } from "./visit.ts";

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
  private readonly visit: Visit;
  private readonly counts: boolean;

  constructor(visit: Visit, navigation: boolean) {
    this.visit = visit;
    this.counts = navigation || isPage(visit);
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

/** Not rendered for a client-side navigation or a refresh, nor again after an action. */
function isPage({ exchange }: Visit): boolean {
  return exchange.sent("rsc") === undefined && exchange.sent("next-action") === undefined;
}

/** Undefined for what cannot be told apart (circular, bigint): that counts each time. */
function fingerprint(command: readonly unknown[]): string | undefined {
  try {
    return JSON.stringify(command);
  } catch {
    return undefined;
  }
}
