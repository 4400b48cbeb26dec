import type { Metadata } from "next";
import { km } from "../../lib/km";

export async function generateMetadata(): Promise<Metadata> {
  const visitor = await km();
  visitor.record("Viewed Meta", { Name: "Pebble" });
  visitor.record("Described", { Name: "Pebble" });
  return { title: visitor.identity };
}

export default async function Meta() {
  const visitor = await km();
  visitor.record("Viewed Meta", { Name: "Pebble" });
  visitor.record("Viewed Meta", { Name: "Kickstart" });
  return <p id="seen">{visitor.identity}</p>;
}
