// pip's requirements files: the requirements, the files they take in, whether every one has a hash. Other options are left
// out. https://pip.pypa.io/en/stable/reference/requirements-file-format/

export interface RequirementsFile {
  /** As written, without comments, hashes and options: `uvicorn[standard]>=0.14 ; python_version > "3"`. */
  readonly requirements: readonly string[];
  /** Paths after `-r`, as written. */
  readonly files: readonly string[];
  /** There is a requirement, and each has a hash. */
  readonly hashed: boolean;
}

/** Reads the text of a requirements file. */
export function parseRequirementsFile(text: string): RequirementsFile {
  const requirements: string[] = [];
  const files: string[] = [];
  let hashed = true;
  const lines = text
    .replace(/^\ufeff/, '')
    .replace(/\\\r?\n/g, ' ')
    .split(/\r?\n/);
  for (const line of lines) {
    const written = line.replace(/(?:^|\s)#.*$/, '').trim();
    const [, file] = /^(?:-r\s*|--requirement[= ]\s*)(\S+)$/.exec(written) ?? [];
    if (file !== undefined) files.push(file);
    if (written === '' || written.startsWith('-')) continue;
    const requirement = written.replace(/\s--?[a-z][a-z-]*(?:[= ]\S+)?/g, '').trim();
    requirements.push(requirement);
    hashed &&= /\s--hash[= ]sha\d+:[0-9a-f]+/.test(written);
  }
  return { requirements, files, hashed: hashed && requirements.length > 0 && files.length === 0 };
}
