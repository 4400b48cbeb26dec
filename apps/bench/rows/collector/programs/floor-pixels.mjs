// What a pixel costs at the least: node:http answers the same GIF without looking. Prints its port.
import { createServer } from "node:http";

const gif = Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==", "base64");
const server = createServer((_request, response) => {
  response.writeHead(200, { "content-type": "image/gif", "content-length": gif.length, "cache-control": "no-store" });
  response.end(gif);
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  console.log(JSON.stringify({ port: typeof address === "object" && address?.port }));
});
