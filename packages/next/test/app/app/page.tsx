import { cookies } from "next/headers";
import { km } from "../lib/km";

async function Seen() {
  (await km()).record("Viewed Home");
  return null;
}

export default async function Home() {
  const visitor = await km();
  return (
    <main>
      <Seen />
      <Seen />
      <p id="seen">
        {visitor.identity} {(await cookies()).get("km_ai")?.value}
      </p>
    </main>
  );
}
