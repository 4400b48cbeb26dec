import type { Client } from "./client.ts";
import { aliasTexts, type Draft, draftAlias, draftRecord, draftSet, lineOf } from "./draft.ts";
import { KmError } from "./errors.ts";
import { identityText, isAnonymous, isJunk } from "./identity.ts";
import type { Km, PropertiesInput, RecordOptions } from "./km.ts";

/** `client.as(identity)`: as in KISSmetrics' server libraries, `identify` only says whose the next commands are. */
export class DirectKm implements Km {
  private readonly client: Client;
  private readonly first: string;
  private current: string;

  constructor(client: Client, identity: unknown) {
    this.client = client;
    this.first = this.text(identity) ?? "";
    this.current = this.first;
  }

  get identity(): string {
    return this.current;
  }

  get anonymous(): boolean {
    return isAnonymous(this.current);
  }

  record(name: string | PropertiesInput, properties?: PropertiesInput, options?: RecordOptions): void {
    this.add(draftRecord(name, properties, options, this.current, this.client.reporter.report));
  }

  set(properties: PropertiesInput): void {
    this.add(draftSet(properties, this.current, this.client.reporter.report));
  }

  identify(identity: string | null): void {
    this.current = identity === null ? this.first : (this.text(identity) ?? this.current);
  }

  alias(a: string, b: string = this.current): void {
    const texts = aliasTexts(a, b, isJunk, this.client.reporter.report);
    if (texts !== undefined) this.add(draftAlias(...texts));
  }

  private add(draft: Draft | undefined): void {
    if (draft === undefined) return;
    if (draft.identity === "") return this.client.outbox.refuse(new KmError("KM_IDENTITY_EMPTY", "as()"), 1);
    this.client.putLater(lineOf(draft));
  }

  private text(identity: unknown): string | undefined {
    const text = identityText(identity);
    if (text instanceof KmError) {
      this.client.reporter.report(text);
      return undefined;
    }
    // Kept all the same: the collector stores what stands under such a name and ties it to nobody.
    if (isJunk(text)) this.client.reporter.report(new KmError("KM_IDENTITY_JUNK", text));
    return text;
  }
}
