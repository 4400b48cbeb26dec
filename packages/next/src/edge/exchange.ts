import { WebExchange, type WebHints } from "@kmkit/core";
import type { NextRequest } from "next/server.js";

/** Fills in core's seam where there is no Node response. */
export class NextWebExchange extends WebExchange {
  private readonly sent: Pick<Headers, "get">;

  constructor(request: NextRequest, hints: WebHints) {
    super(request, hints);
    this.sent = request.headers;
  }

  /** `next start` puts into a request's url the host that it was started with; the one that the client asked for stands in the headers, and Next believes what a proxy in front says. */
  override header(name: string): string | undefined {
    const host = name === "host" ? (this.sent.get("x-forwarded-host") ?? this.sent.get("host")) : null;
    return host?.split(",")[0]?.trim().replace(/:\d+$/, "") ?? super.header(name);
  }
}
