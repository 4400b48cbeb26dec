import { channel } from "node:diagnostics_channel";
import type { Observe } from "@kmkit/core";

/** What the clients of this process publish by `node:diagnostics_channel`. `outbox` is the client's directory, or false for one in memory. */
export interface OutboxMessages {
  /** The collector has taken a batch: how many commands of it, the bytes of its lines (before gzip), and how long that took, in ms. */
  readonly "kmkit:outbox:sent": { readonly outbox: string | false; readonly commands: number; readonly bytes: number; readonly ms: number };
  /** A try has failed (each one, where `onError` is told once an outage). There will be another one. */
  readonly "kmkit:outbox:fault": { readonly outbox: string | false; readonly code: string; readonly detail: string | undefined };
  /** Commands were refused: by the collector for good, or by the outbox that is full or closed. Counted in `stats().refused`. */
  readonly "kmkit:outbox:refused": { readonly outbox: string | false; readonly code: string; readonly count: number };
}

/**
 * The names of the channels on which the clients of this process tell of their work. Nothing is made where nobody listens. What a listener throws
 * ends the process as any uncaught exception: that is how channels work.
 *
 * @example
 * import { subscribe } from "node:diagnostics_channel";
 *
 * subscribe(outboxChannels.sent, (message) => {
 *   const { commands, ms } = message as OutboxMessages["kmkit:outbox:sent"];
 *   console.log(`${commands} commands in ${ms} ms`);
 * });
 */
export const outboxChannels: {
  readonly sent: "kmkit:outbox:sent";
  readonly fault: "kmkit:outbox:fault";
  readonly refused: "kmkit:outbox:refused";
} = { sent: "kmkit:outbox:sent", fault: "kmkit:outbox:fault", refused: "kmkit:outbox:refused" };

const channels = {
  sent: channel(outboxChannels.sent),
  fault: channel(outboxChannels.fault),
  refused: channel(outboxChannels.refused),
};

/** Publishes what the outbox of this directory tells. */
export function publisher(outbox: string | false): Observe {
  return ({ type, ...told }) => {
    if (channels[type].hasSubscribers) channels[type].publish({ outbox, ...told });
  };
}
