// What a pixel costs at the least: node:http answers the same GIF without looking. Tells its port over IPC.
import { createServer } from "node:http";

const gif = Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==", "base64");
const server = createServer((_request, response) => {
  response.writeHead(200, { "content-type": "image/gif", "content-length": gif.length, "cache-control": "no-store" });
  response.end(gif);
});
server.listen(0, "127.0.0.1", () => process.send?.({ port: /** @type {import("node:net").AddressInfo} */ (server.address()).port }));
process.on("disconnect", () => process.exit(0));
