import { adapterSuite } from "@kmkit/testkit";
import { startNext } from "./mount.ts";
import { platform } from "./platform.ts";
import { onTheEdge } from "./skips.ts";
import { thrown } from "./thrown.ts";

const mount = await startNext("edge");

adapterSuite("Next 16, route handlers on the edge", mount, { skip: onTheEdge });

const all = ["GET", "HEAD", "POST"];
// Of a redirection that caches may keep for ever nothing but Next could say that it is private.
thrown(mount, { "permanentRedirect()": ["GET", "HEAD"], "notFound()": all, "an error": all });

platform(mount);
