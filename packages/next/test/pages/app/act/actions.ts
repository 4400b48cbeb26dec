"use server";
import { km } from "../../lib/km";

export async function act(): Promise<void> {
  (await km()).record("Acted");
}
