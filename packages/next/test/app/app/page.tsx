import { cookies } from "next/headers";
import { km } from "../lib/km";
import { buy } from "./action/buy";

async function Seen() {
  (await km()).record("Viewed Home");
  return null;
}
export default async function Home() {
  const visitor = await km();
  return (
    <form action={buy}>
      <Seen />
      <Seen />
      <p id="seen">
        {visitor.identity} {(await cookies()).get("km_ai")?.value}
      </p>
      <button type="submit">buy</button>
    </form>
  );
}
