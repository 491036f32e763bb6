// The audit's rules as data. Each has a page, docs/audit/NAME.md, with a bad and a good example that a test runs.

/** `error`: another build may well differ, or leaks; `warning`: it can; `note`: it can, but seldom does. */
export type Severity = 'error' | 'warning' | 'note';

export interface Rule {
  readonly severity: Severity;
  /** What it finds, in one line. */
  readonly summary: string;
  /** Why what it finds drifts, or harms. */
  readonly why: string;
  /** What would pin or mend it. */
  readonly pinnedBy: string;
}

const lockCommand = 'run `trimaran lock`';

export const auditRules = {
  'image-latest': {
    severity: 'error',
    summary: 'An image without a tag, or with the tag latest',
    why: 'latest is whatever was pushed last',
    pinnedBy: `a digest: \`image:tag@sha256:…\`, or ${lockCommand}`,
  },
  'image-moving-tag': {
    severity: 'warning',
    summary: 'An image by a tag that is meant to move',
    why: 'the tag names a series; each of its releases and rebuilds moves it',
    pinnedBy: `a digest: \`image:tag@sha256:…\`, or ${lockCommand}`,
  },
  'image-tag-not-digest': {
    severity: 'note',
    summary: 'An image by a full version, but without a digest',
    why: 'the tag can be pushed again, and is when the base below it is rebuilt',
    pinnedBy: `a digest: \`image:tag@sha256:…\`, or ${lockCommand}`,
  },
  'compose-image-tag': {
    severity: 'warning',
    summary: 'A service whose image is named by tag',
    why: 'the service runs whatever the tag names on the day it is pulled',
    pinnedBy: `a digest: \`image: name@sha256:…\`, or ${lockCommand}`,
  },
  'image-invalid': {
    severity: 'error',
    summary: 'An image reference that is none',
    why: 'nothing can be pulled by that name, so the build or the service stops',
    pinnedBy: 'a name that registries know: `registry/name:tag@sha256:…`',
  },
  'recipe-unreadable': {
    severity: 'error',
    summary: 'A recipe that cannot be read',
    why: 'nothing can be built from it as it stands, so nobody can say what it would take in',
    pinnedBy: 'mending it at the place that is named',
  },
  'dockerfile-missing': {
    severity: 'error',
    summary: 'A service whose Dockerfile is not there',
    why: 'nobody can tell what goes into its image, or build it again',
    pinnedBy: 'the Dockerfile where `build:` says it is, in version control',
  },
  'context-moving-ref': {
    severity: 'error',
    summary: 'A build context that is fetched from a branch, a tag or an archive',
    why: 'the context is whatever is there on the day of the build, its Dockerfile included',
    pinnedBy: 'a commit: `https://…/app.git#<commit>`, or a folder beside the compose file',
  },
  'syntax-tag': {
    severity: 'note',
    summary: 'A Dockerfile frontend by tag',
    why: 'the image that reads the Dockerfile moves with its tag',
    pinnedBy: 'a digest in `# syntax=`, or no such line',
  },
  'add-without-checksum': {
    severity: 'error',
    summary: 'ADD of a URL without a checksum',
    why: 'the server answers with whatever it has that day',
    pinnedBy: `\`ADD --checksum=sha256:…\`, or ${lockCommand}`,
  },
  'add-git-moving-ref': {
    severity: 'error',
    summary: 'ADD of a git repository at a branch or tag',
    why: 'a branch moves with every push, and a tag can be moved',
    pinnedBy: `a commit: \`ADD https://…/x.git#COMMIT\`, or ${lockCommand}`,
  },
  'git-moving-ref': {
    severity: 'error',
    summary: 'A clone of a branch, named or not',
    why: 'a branch moves with every push',
    pinnedBy: `a commit: \`git checkout COMMIT\` after the clone, or ${lockCommand}`,
  },
  'git-tag': {
    severity: 'warning',
    summary: 'A clone of a tag',
    why: 'a tag can be moved or deleted, and a shallow clone of it has no history to notice by',
    pinnedBy: `a commit: \`git checkout COMMIT\` after the clone, or ${lockCommand}`,
  },
  'download-without-checksum': {
    severity: 'warning',
    summary: 'A download by curl or wget that nothing checks',
    why: 'the server answers with whatever it has that day',
    pinnedBy: `\`echo "SHA256  file" | sha256sum -c -\` in the same RUN, or ${lockCommand}`,
  },
  'curl-to-shell': {
    severity: 'error',
    summary: 'A downloaded script that is run as it comes',
    why: 'the script changes without notice, and mostly installs whatever is newest itself',
    pinnedBy: 'download it to a file, check its SHA-256, then run it',
  },
  'apt-unpinned': {
    severity: 'warning',
    summary: 'apt-get install without versions',
    why: 'the archive’s newest version is installed, with the newest of all it depends on',
    pinnedBy: `a snapshot of the archive, \`package=version\`, or ${lockCommand}`,
  },
  'apk-unpinned': {
    severity: 'warning',
    summary: 'apk add without exact versions',
    why: 'the repository’s newest version is installed, and old ones are removed from it',
    pinnedBy: '`package=version-rN`; Alpine keeps no old versions, so a base image by digest is surer',
  },
  'rpm-unpinned': {
    severity: 'warning',
    summary: 'dnf, yum, microdnf or zypper install without versions',
    why: 'the repository’s newest version is installed, with the newest of all it depends on',
    pinnedBy: '`package-version-release`, and repositories that keep old versions',
  },
  'system-upgrade': {
    severity: 'error',
    summary: 'An upgrade of the whole system',
    why: 'every package of the base image becomes whatever is newest that day',
    pinnedBy: 'a newer base image by digest instead',
  },
  'pip-unpinned': {
    severity: 'warning',
    summary: 'pip install without exact versions',
    why: 'the index’s newest version that fits is installed, with the newest of all it depends on',
    pinnedBy: `\`name==version\`, better a file with hashes, or ${lockCommand}`,
  },
  'pip-upgrade': {
    severity: 'warning',
    summary: 'pip install --upgrade',
    why: 'what the image already had is replaced by whatever is newest that day',
    pinnedBy: `\`name==version\`, or leave it out, or ${lockCommand}`,
  },
  'pip-requirements-without-hashes': {
    severity: 'warning',
    summary: 'pip install -r of a file without hashes',
    why: 'versions the file leaves open are chosen anew, and files behind a version can be replaced',
    pinnedBy: `\`pip install --require-hashes -r …\` with a hash for each file, or ${lockCommand}`,
  },
  'npm-unpinned': {
    severity: 'warning',
    summary: 'npm, yarn or pnpm install without a lock file or exact versions',
    why: 'the registry’s newest versions that fit are installed',
    pinnedBy: '`npm ci`, `yarn install --frozen-lockfile`, `pnpm install --frozen-lockfile`, or `name@1.2.3`',
  },
  'gem-unpinned': {
    severity: 'warning',
    summary: 'gem install without exact versions',
    why: 'the newest version is installed, with the newest of all it depends on',
    pinnedBy: '`gem install name -v 1.2.3`, better a Gemfile.lock',
  },
  'go-unpinned': {
    severity: 'warning',
    summary: 'go install or go get of a moving version',
    why: '@latest and branches move with every push',
    pinnedBy: '`go install path@v1.2.3`: the version, and by the checksum database its content',
  },
  'cargo-unpinned': {
    severity: 'warning',
    summary: 'cargo install without a version or without --locked',
    why: 'without --locked, cargo chooses the newest of all dependencies',
    pinnedBy: '`cargo install --locked name@1.2.3`',
  },
  'conda-unpinned': {
    severity: 'warning',
    summary: 'conda or mamba install without exact versions',
    why: 'the channel’s newest version that fits is installed, with the newest of all it depends on',
    pinnedBy: '`name=1.2.3=build`, better an explicit lock of the environment',
  },
  'other-unpinned': {
    severity: 'warning',
    summary: 'composer, pecl, rustup, brew and other managers without exact versions',
    why: 'the newest version is installed, with the newest of all it depends on',
    pinnedBy: 'an exact version, or the manager’s own lock file',
  },
  'nondeterministic-command': {
    severity: 'warning',
    summary: 'A RUN that uses the time or chance',
    why: 'each build gives another result',
    pinnedBy: '`date -d "@$SOURCE_DATE_EPOCH"`, a fixed value, or doing it when the container starts',
  },
  'image-created-now': {
    severity: 'warning',
    summary: 'An image that is dated by the clock',
    why: 'the moment of the build is in the image’s configuration, so each build is another image',
    pinnedBy: 'no `created`, which dates it 1970, or a fixed moment',
  },
  'secret-in-image': {
    severity: 'error',
    summary: 'A secret in ENV, ARG or RUN',
    why: 'the value stays in the image’s configuration or history, for all who have the image',
    pinnedBy: 'a secret mount in RUN, or the environment and secrets of compose when the container starts',
  },
  'env-not-expanded': {
    severity: 'warning',
    summary: 'Shell variables in ENV that Docker does not expand as written',
    why: 'ENV is expanded once, when the image is built, and never from the environment of the container or of compose',
    pinnedBy: 'the plain value in ENV, and `environment:` in the compose file to change it',
  },
  'compose-working-dir-missing': {
    severity: 'warning',
    summary: 'A working_dir that the image lacks',
    why: 'compose starts the command in a directory that the image does not have, so in an empty one',
    pinnedBy: 'leaving `working_dir` to the image',
  },
  'compose-volume-over-nothing': {
    severity: 'warning',
    summary: 'A volume where the image has nothing',
    why: 'the mount makes the path, owned by root, and the image does not look there',
    pinnedBy: 'the path that the image uses',
  },
  'compose-volume-hides-files': {
    severity: 'note',
    summary: 'A bind mount over files of the image',
    why: 'the container runs what the host has there, not what was built',
    pinnedBy: 'leaving the mount out, except while developing',
  },
  'compose-port-not-exposed': {
    severity: 'note',
    summary: 'A port that the image does not expose',
    why: 'the image says that it listens elsewhere',
    pinnedBy: 'the port that the image exposes',
  },
  'compose-command-missing': {
    severity: 'error',
    summary: 'A command that the image lacks',
    why: 'the container does not start',
    pinnedBy: 'the package that has the command, in the recipe',
  },
  'compose-no-command': {
    severity: 'error',
    summary: 'A service without a command',
    why: 'neither image nor compose says what to run',
    pinnedBy: 'a command in the recipe, or `command:`',
  },
  'compose-user-missing': {
    severity: 'error',
    summary: 'A user that the image lacks',
    why: 'the container does not start',
    pinnedBy: 'a user’s number, or the user in the recipe',
  },
  'flake-lock-missing': {
    severity: 'error',
    summary: 'A flake with inputs and without flake.lock',
    why: 'each machine takes the newest revision of every input',
    pinnedBy: '`trimaran nix flake lock`, and the file in version control',
  },
  'flake-input-indirect': {
    severity: 'error',
    summary: 'A flake input from the registry that no lock fixes',
    why: 'the registry of the machine says what the name means, and can change',
    pinnedBy: '`trimaran nix flake lock`, and a `url` in flake.nix',
  },
  'flake-input-unlocked': {
    severity: 'error',
    summary: 'A flake input that flake.lock lacks, or has otherwise',
    why: 'the next build locks it anew, to what is newest then',
    pinnedBy: '`trimaran nix flake lock`',
  },
  'flake-lock-dirty': {
    severity: 'error',
    summary: 'A flake.lock with an input that is not fixed by content',
    why: 'the locked input is a work tree or a path without a hash, which others do not have',
    pinnedBy: 'committing the input, then `trimaran nix flake update INPUT`',
  },
  'manifest-without-channels': {
    severity: 'error',
    summary: 'A manifest.scm without channels.scm',
    why: 'package names mean whatever the installed Guix has',
    pinnedBy:
      '`trimaran guix describe -f channels > channels.scm`, and `guix time-machine -C channels.scm --`',
  },
  'channel-without-commit': {
    severity: 'error',
    summary: 'A channel without a commit',
    why: 'the channel’s newest commit is used',
    pinnedBy: '`(commit "…")` in the channel',
  },
  'origin-at-branch': {
    severity: 'warning',
    summary: 'A Guix origin at a branch',
    why: 'the branch moves away from the recorded hash, and the build breaks once no cache has the old files',
    pinnedBy: 'a commit or a release tag in `(commit …)`',
  },
} as const satisfies Readonly<Record<string, Rule>>;

export type RuleName = keyof typeof auditRules;
