"use server";
import { getIronSession } from "iron-session";
import { cookies } from "next/headers";
import { redirect } from "next/navigation";
import { type IronSession, sealed } from "../../lib/iron";
import { byIron } from "../../lib/km";

export async function logIn(form: FormData): Promise<void> {
  const session = await getIronSession<IronSession>(await cookies(), sealed);
  session.user = String(form.get("name"));
  await session.save();
  (await byIron.km()).record("Logging In");
  redirect("/iron");
}

export async function logOut(): Promise<void> {
  (await getIronSession<IronSession>(await cookies(), sealed)).destroy();
  (await byIron.km()).record("Logging Out");
  redirect("/iron");
}

export async function act(): Promise<void> {
  (await byIron.km()).record("Acted");
}
