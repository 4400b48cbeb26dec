import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type Command, type Recorder, recorder } from "@kmkit/core";
import { afterEach, beforeEach, expect, vi } from "vitest";
import { Visitor } from "./visitor.ts";

export const bob = { email: "bob@bob.com", password: "correct horse", name: "Bob", plan: "Pro" };
export const bill = { email: "bill@bob.com", password: "demo-shop" };

/** Builds a shop that records through this client. */
export type Build = (client: Recorder["client"]) => RequestListener;

/** In what a shop may differ from the others, as its framework has it. */
export interface Ways {
  /** Somebody who knows how the shop's forms are sent. */
  readonly visitor?: (shop: string) => Visitor;
  /** The status of a form that comes back, where the framework leaves no choice. */
  readonly refusal?: number;
}

/** A shop that listens, what it recorded, and somebody in it: new for each test of the suite that asks for it. */
export class Opened {
  rec!: Recorder;
  url!: string;
  visitor!: Visitor;
  private server!: Server;
  private readonly ways: Ways;

  constructor(build: Build, ways: Ways = {}) {
    this.ways = ways;
    beforeEach(async () => {
      this.rec = recorder();
      this.server = createServer(build(this.rec.client)).listen(0, "127.0.0.1");
      await new Promise((resolve) => this.server.once("listening", resolve));
      this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
      this.visitor = this.another();
    });
    afterEach(() => {
      this.server.close();
      this.server.closeAllConnections();
    });
  }

  /** Somebody else. */
  another(): Visitor {
    return this.ways.visitor?.(this.url) ?? new Visitor(this.url);
  }

  /** The status of a form that comes back. */
  refusal(status: number): number {
    return this.ways.refusal ?? status;
  }

  /** The names of what was recorded, once the last one is there: commands come when a response is over. */
  async recorded(last: string): Promise<string[]> {
    return vi.waitFor(() => {
      const names = this.rec.commands.map(nameOf);
      expect(names.at(-1)).toBe(last);
      return names;
    });
  }

  /** The last command of a name. */
  command(name: string): Command | undefined {
    return this.rec.commands.findLast((one) => nameOf(one) === name);
  }

  /** Lets every response end, then expects that nothing more was recorded than the page that comes after. */
  async expectNothingRecorded(): Promise<void> {
    this.rec.clear();
    await this.visitor.open("/");
    expect(await this.recorded("Viewed Homepage")).toEqual(["Viewed Homepage"]);
  }
}

/** What a command is called in a story: the name of an event, or its type. */
export function nameOf(command: Command): string {
  return command.type === "record" ? command.name : command.type;
}
