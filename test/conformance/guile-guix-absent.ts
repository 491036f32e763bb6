// Bindings to C libraries that Guix's modules mention and its pure tests do without: a module that uses them loads, and
// calling one is refused by name.
import { throwError } from '../../src/languages/scheme/errors.ts';
import { type Interpreter, procedure } from '../../src/languages/scheme/interpreter.ts';
import { NIL, str } from '../../src/languages/scheme/values.ts';

/** Module label to names, separated by blanks. */
const absent: Readonly<Record<string, string>> = {
  'gcrypt common': `
    error-source error-string gcrypt-version`,
  'gcrypt hmac': `
    sign-data`,
  'gcrypt mac': `
    hmac-md5 hmac-sha1 hmac-sha224 hmac-sha256 hmac-sha384 hmac-sha512 poly1305 sign-data valid-signature?`,
  'gcrypt pk-crypto': `
    bytevector->hash-data canonical-sexp->sexp canonical-sexp->string canonical-sexp-nth-data
    canonical-sexp? find-sexp-token gcrypt-version generate-key hash-data->bytevector key-type
    read-file-sexp sexp->canonical-sexp sign string->canonical-sexp verify`,
  'gcrypt random': `
    %gcry-strong-random gen-random-bv random-token`,
  'gcrypt utils': `
    dump-port`,
  git: `
    %make-auth-ssh-agent GIT_ENOTFOUND OBJ-COMMIT OBJ-TAG STATUS-FLAG-INCLUDE-IGNORED
    STATUS-FLAG-INCLUDE-UNTRACKED STATUS-SHOW-WORKDIR-ONLY blob-content blob-lookup branch-lookup clone
    clone* commit-extract-signature commit-id commit-lookup commit-message commit-owner commit-parents
    commit-relation commit-tree fetch-options-remote-callbacks fold-commits git-error-class git-error-code
    git-error-message git-error? libgit2-init! libgit2-shutdown make-clone-options make-fetch-options
    make-status-options object-id object-lookup object-lookup-prefix object-type oid->string oid=?
    openable-repository? reference-lookup reference-name reference-name->oid reference-shorthand
    reference-target remote-connect remote-create-anonymous remote-disconnect remote-fetch remote-lookup
    remote-ls remote-set-url! repository-close! repository-common-directory repository-config
    repository-directory repository-discover repository-head repository-head-detached? repository-init
    repository-open repository-submodules repository-working-directory set-tls-certificate-locations!
    status-list->status-entries status-list-new string->oid submodule-lookup submodule-path submodule-update
    tag-lookup tag-target-id tree-entry-bypath tree-entry-id tree-entry-name tree-list tree-lookup
    with-repository`,
  'git auth': `
    %make-auth-ssh-agent`,
  'git bindings': `
    libgit2-init!`,
  'git commit': `
    commit-extract-signature commit-id commit-lookup commit-message commit-owner commit-parents commit-tree
    fold-commits`,
  'git errors': `
    GIT_ENOTFOUND git-error-code git-error-message`,
  'git object': `
    OBJ-COMMIT OBJ-TAG object-id object-lookup object-lookup-prefix object-type`,
  'git oid': `
    oid->string oid=? string->oid`,
  'git reference': `
    reference-lookup reference-name reference-name->oid reference-shorthand reference-target`,
  'git remote': `
    remote-connect remote-create-anonymous remote-disconnect remote-fetch remote-lookup remote-ls
    remote-set-url!`,
  'git repository': `
    openable-repository? repository-close! repository-common-directory repository-config
    repository-directory repository-discover repository-head repository-head-detached? repository-init
    repository-open repository-working-directory`,
  'git status': `
    STATUS-FLAG-INCLUDE-IGNORED STATUS-FLAG-INCLUDE-UNTRACKED STATUS-SHOW-WORKDIR-ONLY make-status-options
    status-list->status-entries status-list-new`,
  'git structs': `
    config-entry-value diff-delta-new-file diff-file-path fetch-options-remote-callbacks git-error-class
    git-error-code git-error-message git-error? indexer-progress-indexed-objects
    indexer-progress-received-objects indexer-progress-total-objects keep-alive oid=? remote-head-name
    set-remote-callbacks-certificate-check! status-entry-index-to-workdir status-entry-status time-offset`,
  'git submodule': `
    repository-submodules submodule-lookup submodule-path submodule-update`,
  'git tag': `
    tag-lookup tag-target-id`,
  'git tree': `
    tree-entry-bypath tree-entry-id tree-entry-name tree-list tree-lookup`,
  gnutls: `
    alert-description->string alert-description/unrecognized-name alert-get base64-decode base64-encode
    certificate-status->string connection-end/client error->string error/again error/interrupted
    error/invalid-session error/premature-termination error/pull-error error/push-error
    error/warning-alert-received fatal-error? handshake hash-algorithm hash-length import-x509-certificate
    make-certificate-credentials make-session oid->string openpgp-keyring? peer-certificate-status
    private-key->public-key server-name-type/dns session-peer-certificate-chain session-record-port session?
    set-certificate-credentials-x509-trust-data! set-certificate-credentials-x509-trust-file! set-log-level!
    set-log-procedure! set-session-credentials! set-session-default-priority! set-session-priorities!
    set-session-record-port-close! set-session-server-name! set-session-transport-fd! x509-certificate-dn
    x509-certificate-format/der x509-certificate-format/pem x509-certificate-matches-hostname?`,
  lzlib: `
    %default-buffer-size call-with-lzip-input-port call-with-lzip-output-port make-lzip-input-port
    make-lzip-input-port/compressed make-lzip-output-port`,
  sqlite3: `
    sqlite-bind-arguments sqlite-close sqlite-exec sqlite-finalize sqlite-fold sqlite-open sqlite-prepare
    sqlite-reset sqlite-step`,
  'ssh auth': `
    userauth-gssapi! userauth-none! userauth-password! userauth-public-key! userauth-public-key/auto!`,
  'ssh channel': `
    channel channel-get-exit-status channel-get-session channel-open-session channel-request-exec
    channel-send-eof channel? make-channel`,
  'ssh dist': `
    distribute make-node node?`,
  'ssh dist node': `
    make-node node-guile-version node?`,
  'ssh key': `
    bytevector->hex-string get-key-type get-public-key-hash key key? private-key->public-key
    private-key-from-file public-key->string public-key-from-file sign verify`,
  'ssh popen': `
    open-remote-input-pipe open-remote-input-pipe* open-remote-pipe*`,
  'ssh session': `
    authenticate-server connect! connected? disconnect! get-error get-server-public-key make-session session
    session-get session-parse-config! session-set! session? write-known-host!`,
  'ssh sftp': `
    call-with-remote-input-file call-with-remote-output-file make-sftp-session sftp-chmod`,
  'ssh version': `
    zlib-support?`,
  zlib: `
    %default-buffer-size adler32 call-with-gzip-input-port call-with-gzip-output-port compress crc32
    make-gzip-output-port make-zlib-input-port make-zlib-output-port uncompress`,
  zstd: `
    call-with-zstd-input-port call-with-zstd-output-port make-zstd-input-port make-zstd-output-port`,
};

/** Provides them to an interpreter. */
export function defineAbsentBindings(interpreter: Interpreter): void {
  for (const [label, names] of Object.entries(absent)) {
    const exports = names
      .trim()
      .split(/\s+/)
      .map((name) => {
        // Constants are numbers of the library; none is needed as long as nothing is called.
        if (/^[A-Z_]+(-[A-Z]+)*$/.test(name)) return [name, 0] as const;
        const refuse = procedure(name, { min: 0, max: Number.POSITIVE_INFINITY }, () => {
          throw throwError('unsupported', false, str(`not supported: ${name} of (${label})`), NIL, false);
        });
        return [name, refuse] as const;
      });
    interpreter.defineModule(label.split(' '), Object.fromEntries(exports));
  }
}
