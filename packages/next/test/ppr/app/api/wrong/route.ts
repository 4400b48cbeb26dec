import { km } from "../../../lib/km";

async function visitor(): Promise<string> {
  "use cache";
  return (await km()).identity;
}

/** What is cached belongs to nobody: Next refuses. */
export async function POST(): Promise<Response> {
  try {
    return Response.json({ identity: await visitor() });
  } catch (thrown) {
    return Response.json({ thrown: String(thrown) });
  }
}
