// Applies unified diffs (POSIX `diff -u`, git's with its extended headers) to trees, as `patch` does: moved hunks are
// looked for, and up to two lines of context may differ. Binary patches and context diffs are refused by name.
import { type ByteString, fromByteString } from '../../foundation/byte-string.ts';
import { TrimaranError } from '../../foundation/error.ts';
import { type FileTree, fileTree, type TreeEntry } from '../../foundation/file-tree.ts';
import { readContent } from '../../store/disk-tree.ts';

interface Hunk {
  readonly header: string;
  /** Line of the old file where it starts, from 0. */
  readonly start: number;
  /** What it takes away and puts there, context included; lines end as in files. */
  readonly before: readonly ByteString[];
  readonly after: readonly ByteString[];
  /** Lines of context at its beginning and end. */
  readonly leading: number;
  readonly trailing: number;
}

interface FilePatch {
  /** Undefined where the file is not there before, or after. */
  readonly from: ByteString | undefined;
  readonly to: ByteString | undefined;
  readonly renamed: boolean;
  readonly isExecutable: boolean | undefined;
  readonly hunks: readonly Hunk[];
}

/** Lines of context that may differ at each end of a hunk, as in `patch`. */
const mostFuzz = 2;

/**
 * The tree after a patch. `name` is the patch's, for errors; `strip` counts the folders that are taken off names (`-p`).
 * Throws `guix/bad-patch` where it is none, and `guix/patch-failed` where it does not fit.
 */
export function applyPatch(
  tree: FileTree,
  patch: { readonly name: string; readonly text: ByteString; readonly strip: number },
): FileTree {
  const files = new Map(tree.map((entry) => [entry.path, entry]));
  for (const change of parsePatch(patch)) applyToFile(files, change, patch.name);
  const patched = withFolders(files);
  if (patched !== undefined) return fileTree(patched);
  throw new TrimaranError({ code: 'guix/bad-patch', message: `${patch.name}: it makes a file a folder` });
}

function applyToFile(files: Map<ByteString, TreeEntry>, change: FilePatch, patchName: string): void {
  const fail = (why: string): TrimaranError =>
    new TrimaranError({
      code: 'guix/patch-failed',
      message: `${patchName} does not fit: ${why}`,
      hint: 'is it for another version of the source? `patch-flags` says how many folders are taken off names',
    });
  const candidates = [change.from, change.to].filter(
    (path): path is ByteString => path !== undefined && files.get(path)?.kind === 'file',
  );
  const place = change.renamed ? change.from : candidates.sort((a, b) => a.length - b.length)[0];
  const found = place === undefined ? undefined : files.get(place);
  const isNew = change.from === undefined || (found === undefined && change.hunks[0]?.before.length === 0);
  if (found !== undefined && found.kind === 'file' && isNew && readContent(found.content).length > 0)
    throw fail(`${fromByteString(place!)} is already there`);
  if (found?.kind !== 'file' && !isNew)
    throw fail(`the source has no file ${fromByteString(change.from ?? change.to ?? '')}`);
  let lines = found?.kind === 'file' ? linesOf(readContent(found.content).toString('latin1')) : [];
  let [moved, done] = [0, 0];
  for (const hunk of change.hunks) {
    const applied = applyHunk(lines, hunk, { moved, done });
    if (applied === undefined)
      throw fail(`${fromByteString(place ?? change.to ?? '')}, ${fromByteString(hunk.header)}`);
    ({ lines, moved, done } = applied);
  }
  if (place !== undefined) files.delete(place);
  if (change.to === undefined) {
    // What git says of a file that it removes may stand without its lines.
    if (lines.length > 0 && change.hunks.length > 0) throw fail(`${fromByteString(place!)} has more lines`);
    return;
  }
  const path = isNew || change.renamed ? change.to : place!;
  const mode = found?.mode ?? 0o644;
  files.set(path, {
    kind: 'file',
    path,
    mode: change.isExecutable === undefined ? mode : change.isExecutable ? mode | 0o111 : mode & ~0o111,
    uid: 0,
    gid: 0,
    mtime: 1,
    content: { kind: 'bytes', bytes: Buffer.from(lines.join(''), 'latin1') },
  });
}

/** By how many lines hunks stand away from where they say, and up to which line the file is done. */
interface Progress {
  readonly moved: number;
  readonly done: number;
}

function applyHunk(
  lines: readonly ByteString[],
  hunk: Hunk,
  { moved, done }: Progress,
): (Progress & { lines: ByteString[] }) | undefined {
  const context = Math.max(hunk.leading, hunk.trailing);
  for (let fuzz = 0; fuzz <= Math.min(mostFuzz, context); fuzz++) {
    // Less context at one end than at the other means that the file ends there.
    const head = fuzz + hunk.leading - context;
    const tail = fuzz + hunk.trailing - context;
    const before = hunk.before.slice(Math.max(head, 0), hunk.before.length - Math.max(tail, 0));
    const after = hunk.after.slice(Math.max(head, 0), hunk.after.length - Math.max(tail, 0));
    const wanted = hunk.start + Math.max(head, 0) + moved;
    const fixed = head < 0 && hunk.start <= 0 ? 0 : tail < 0 ? lines.length - before.length : undefined;
    const at = nearestPlace(lines, before, {
      first: done + Math.max(head, 0),
      wanted: fixed ?? wanted,
      isFixed: fixed !== undefined,
    });
    if (at === undefined) continue;
    return {
      lines: [...lines.slice(0, at), ...after, ...lines.slice(at + before.length)],
      moved: moved + (at - wanted) + after.length - before.length,
      done: at + after.length - (hunk.trailing - Math.max(tail, 0)),
    };
  }
  return undefined;
}

/** Where `part` stands in `lines`, as near as can be to `wanted`. */
function nearestPlace(
  lines: readonly ByteString[],
  part: readonly ByteString[],
  { first, wanted, isFixed }: { first: number; wanted: number; isFixed: boolean },
): number | undefined {
  const last = lines.length - part.length;
  const isAt = (at: number) => at >= first && at <= last && part.every((line, i) => lines[at + i] === line);
  if (isFixed) return isAt(wanted) ? wanted : undefined;
  for (let distance = 0; distance <= Math.max(wanted, last - wanted, 0); distance++) {
    if (isAt(wanted + distance)) return wanted + distance;
    if (isAt(wanted - distance)) return wanted - distance;
  }
  return undefined;
}

/** Lines with what ends them; the last may lack it. */
function linesOf(text: ByteString): ByteString[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/** With the folders above each file; undefined where one of them is a file or a link. */
function withFolders(files: ReadonlyMap<ByteString, TreeEntry>): TreeEntry[] | undefined {
  const all = new Map(files);
  for (const path of files.keys()) {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const folder = path.slice(0, end);
      const known = all.get(folder);
      if (known !== undefined && known.kind !== 'directory') return undefined;
      if (known === undefined)
        all.set(folder, { kind: 'directory', path: folder, mode: 0o755, uid: 0, gid: 0, mtime: 1 });
    }
  }
  return [...all.values()];
}

const hunkHeader = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;

function parsePatch(patch: { name: string; text: ByteString; strip: number }): FilePatch[] {
  const { name, strip } = patch;
  const bad = (message: string, hint?: string) =>
    new TrimaranError({ code: 'guix/bad-patch', message: `${name}: ${message}`, ...(hint ? { hint } : {}) });
  const lines = linesOf(patch.text);
  const stripped = (written: string): ByteString | undefined => {
    if (written === '/dev/null') return undefined;
    const parts = written.split('/').filter((part, i) => i === 0 || part !== '');
    const path = parts.slice(Math.min(strip, parts.length - 1));
    if (path.some((part) => part === '..' || part === '')) throw bad(`it names ${fromByteString(written)}`);
    return path.filter((part) => part !== '.').join('/');
  };
  const changes: FilePatch[] = [];
  let git: GitHeader = {};
  // What git says of a file whose text stays the same.
  const endGit = () => {
    const { from, to, isNew, isDeleted } = git;
    if (from !== undefined && to !== undefined && (git.renamed || git.mode || isNew || isDeleted)) {
      changes.push({
        from: isNew ? undefined : stripped(from),
        to: isDeleted ? undefined : stripped(to),
        renamed: git.renamed === true,
        isExecutable: git.mode === undefined ? undefined : git.mode.endsWith('755'),
        hunks: [],
      });
    }
    git = {};
  };
  for (let i = 0; i < lines.length; ) {
    const line = lines[i]!.replace(/\r?\n$/, '');
    if (line.startsWith('diff --git ')) {
      endGit();
      const [from, to] = gitNames(line.slice(11));
      if (from !== undefined && to !== undefined) git = { from, to };
    } else if (/^(GIT binary patch|Binary files .* differ)$/.test(line)) {
      throw bad('binary patches are not supported', 'put the file there in a snippet or a phase');
    } else if (/^\*\*\* \d+(,\d+)? \*\*\*\*$/.test(line)) {
      throw bad('context diffs are not supported', 'write it as `diff -u` does');
    } else if (/^(new file|new|deleted file) mode /.test(line)) {
      if (line.startsWith('new file')) git.isNew = true;
      if (line.startsWith('deleted')) git.isDeleted = true;
      else git.mode = line.slice(line.lastIndexOf(' ') + 1);
    } else if (line.startsWith('rename from ')) {
      git.renamed = true;
    } else if (
      line.startsWith('--- ') &&
      lines[i + 1]?.startsWith('+++ ') &&
      hunkHeader.test(lines[i + 2] ?? '')
    ) {
      const from = stripped(fileName(line));
      const to = stripped(fileName(lines[i + 1]!));
      const { hunks, next } = readHunks(lines, i + 2, bad);
      const { mode, renamed = false } = git;
      git = {};
      if (from === undefined && to === undefined) throw bad('it changes /dev/null');
      changes.push({ from, to, renamed, hunks, isExecutable: mode?.endsWith('755') });
      i = next;
      continue;
    }
    i++;
  }
  endGit();
  if (changes.length === 0) throw bad('there is no patch in it', 'unified diffs can be applied');
  return changes;
}

interface GitHeader {
  from?: string;
  to?: string;
  isNew?: boolean;
  isDeleted?: boolean;
  renamed?: boolean;
  mode?: string;
}

function readHunks(
  lines: readonly ByteString[],
  first: number,
  bad: (message: string) => TrimaranError,
): { hunks: Hunk[]; next: number } {
  const hunks: Hunk[] = [];
  let i = first;
  for (
    let header = hunkHeader.exec(lines[i] ?? '');
    header !== null;
    header = hunkHeader.exec(lines[i] ?? '')
  ) {
    const [text, start, oldCount = '1', , newCount = '1'] = header;
    const before: ByteString[] = [];
    const after: ByteString[] = [];
    let leading = 0;
    let trailing = 0;
    let changed = false;
    i++;
    while (before.length < Number(oldCount) || after.length < Number(newCount)) {
      const line = lines[i++];
      if (line === undefined) throw bad(`it ends inside of ${text}`);
      // Some programs drop the blank of an empty line.
      const kind = line === '\n' || line === '\r\n' ? ' ' : line[0];
      const isLast = lines[i]?.startsWith('\\') === true;
      const content = (kind === line[0] ? line.slice(1) : line).replace(isLast ? /\n$/ : /^$/, '');
      if (isLast) i++;
      if (kind === ' ') {
        before.push(content);
        after.push(content);
        if (changed) trailing++;
        else leading++;
        continue;
      }
      changed = true;
      trailing = 0;
      if (kind === '-') before.push(content);
      else if (kind === '+') after.push(content);
      else throw bad(`${text} has a line that begins neither with a blank nor with + or -`);
    }
    if (lines[i]?.startsWith('\\')) i++;
    // A hunk that takes nothing away stands after the line that it names.
    const line = Number(start) - (Number(oldCount) === 0 ? 0 : 1);
    hunks.push({ header: text, start: line, before, after, leading, trailing });
  }
  return { hunks, next: i };
}

function fileName(line: string): string {
  const text = line.slice(4).replace(/\r?\n$/, '');
  if (text.startsWith('"')) return unquoted(text.slice(0, text.indexOf('"', 1) + 1));
  const tab = text.indexOf('\t');
  return tab >= 0 ? text.slice(0, tab) : text.replace(/\s+\d{4}-\d\d-\d\d .*$/, '').trimEnd();
}

function gitNames(text: string): string[] {
  if (text.startsWith('"')) return (text.match(/"(?:[^"\\]|\\.)*"/g) ?? []).map(unquoted);
  // Names may hold blanks: without a rename both are the same behind their prefixes.
  for (let at = text.indexOf(' '); at >= 0; at = text.indexOf(' ', at + 1)) {
    const [a, b] = [text.slice(0, at), text.slice(at + 1)];
    if (a.slice(a.indexOf('/')) === b.slice(b.indexOf('/'))) return [a, b];
  }
  return text.split(' ');
}

function unquoted(text: string): string {
  return text
    .slice(1, -1)
    .replace(/\\(?:([0-7]{3})|(.))/g, (_, octal: string | undefined, plain: string) =>
      octal !== undefined
        ? String.fromCharCode(Number.parseInt(octal, 8))
        : ({ n: '\n', t: '\t' }[plain] ?? plain),
    );
}
