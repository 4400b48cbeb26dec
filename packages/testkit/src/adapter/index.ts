import { describe } from "vitest";
import { admission } from "./admission.ts";
import { alias } from "./alias.ts";
import { answers } from "./answers.ts";
import { beside } from "./beside.ts";
import { caches } from "./caches.ts";
import { consent } from "./consent.ts";
import { cookieless } from "./cookieless.ts";
import { cookies } from "./cookies.ts";
import { identity } from "./identity.ts";
import { late } from "./late.ts";
import { leaving } from "./leaving.ts";
import type { Mount } from "./mount.ts";
import { parallel } from "./parallel.ts";
import { renewal } from "./renewal.ts";
import { sessions } from "./sessions.ts";
import { Suite } from "./suite.ts";
import { table } from "./table.ts";
import { upgrade } from "./upgrade.ts";

const parts = [
  table,
  renewal,
  cookies,
  beside,
  answers,
  leaving,
  late,
  upgrade,
  caches,
  parallel,
  sessions,
  identity,
  alias,
  admission,
  consent,
  cookieless,
];

/**
 * The suite that every adapter passes: a real server on a free port, real sockets, a real cookie jar. `skip` names tests or groups by their titles,
 * each with the reason why this framework cannot pass it.
 *
 * @example
 * adapterSuite("Koa 3", mountOf(Koa), { skip: { "a response object that is none": "Koa makes its response itself" } });
 */
export function adapterSuite(name: string, mount: Mount, { skip = {} }: { skip?: Readonly<Record<string, string>> } = {}): void {
  describe(name, () => {
    const suite = new Suite(mount, skip);
    for (const part of parts) part(suite);
    suite.close();
  });
}
