"use server";
import { signIn, signOut } from "../../lib/authjs";
import { byAuthjs } from "../../lib/km";

export async function logIn(form: FormData): Promise<void> {
  (await byAuthjs.km()).record("Logging In");
  await signIn("credentials", { name: form.get("name"), redirectTo: "/authjs" });
}

export async function logOut(): Promise<void> {
  (await byAuthjs.km()).record("Logging Out");
  await signOut({ redirectTo: "/authjs" });
}

export async function act(): Promise<void> {
  (await byAuthjs.km()).record("Acted");
}
