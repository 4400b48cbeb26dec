import { walkOnFoot } from "@kmkit/shop/suite";

walkOnFoot(new URL("../dist/server.js", import.meta.url));
