import Link from "next/link";

export default function Still() {
  return <Link href="/shop">still</Link>;
}
