// What must not outlive this process: a container that it runs, and its files. An interrupted command ends at once, so this
// is done in the last moment that it has, where nothing can be waited for.

/** Calls `end` when the process exits, unless the function that it gives was called before. */
export function guardExit(end: () => void): () => void {
  const atExit = () => {
    try {
      end();
    } catch {
      // Nobody is left to be told.
    }
  };
  process.once('exit', atExit);
  return () => process.off('exit', atExit);
}
