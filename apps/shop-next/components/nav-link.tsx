"use client";

import Link from "next/link";
import { usePathname } from "next/navigation";
import type { ReactNode } from "react";

/** A link that knows whether its page is the one that is being looked at. */
export function NavLink({ href, children }: { readonly href: string; readonly children: ReactNode }) {
  return (
    <Link href={href} aria-current={usePathname() === href ? "page" : undefined}>
      {children}
    </Link>
  );
}
