// Modules of Guile that are not here: a program that uses one loads, and calling what it took from there is refused by
// name. Syntax among them is refused in the same way, once it runs.
import { unsupported } from '../errors.ts';
import type { Session } from '../session.ts';
import { Fluid } from '../values.ts';
import { Definer, MANY } from './define.ts';

/** Module label to names, separated by blanks. */
const absent: Readonly<Record<string, string>> = {
  texinfo: `
    call-with-file-and-dir stexi->sxml texi->stexi texi-command-depth texi-command-specs
    texi-fragment->stexi`,
  'texinfo plain-text': `
    *line-width* stexi->plain-text`,
  'texinfo string-utils': `
    center-string collapse-repeated-chars escape-special-chars expand-tabs fill-string left-justify-string
    make-text-wrapper right-justify-string string->wrapped-lines transform-string`,
  'sxml match': `
    sxml-match sxml-match-let sxml-match-let*`,
  'sxml ssax': `
    attlist->alist attlist-add attlist-fold attlist-null? attlist-remove-top current-ssax-error-port
    define-parsed-entity! make-empty-attlist reset-parsed-entity-definitions! ssax:complete-start-tag
    ssax:make-elem-parser ssax:make-parser ssax:make-pi-parser ssax:read-attributes ssax:read-cdata-body
    ssax:read-char-data ssax:read-char-ref ssax:read-external-id ssax:read-markup-token
    ssax:read-pi-body-as-string ssax:reverse-collect-str-drop-ws ssax:skip-internal-dtd
    ssax:uri-string->symbol ssax:xml->sxml with-ssax-error-to-port xml-token-head xml-token-kind xml-token?`,
  'sxml transform': `
    SRV:send-reply foldts post-order pre-post-order replace-range`,
  'sxml xpath': `
    filter map-union node-closure node-eq? node-equal? node-join node-or node-parent node-pos node-reduce
    node-reverse node-self node-trace node-typeof? nodeset? select-kids sxpath take-after take-until`,
  'sxml fold': `
    fold-layout fold-values foldt foldts foldts* foldts*-values`,
  'system repl repl': `
    run-repl start-repl`,
  'system repl server': `
    make-tcp-server-socket make-unix-domain-server-socket run-server spawn-server stop-server-and-clients!`,
  'system repl common': `
    *copying* *version* *warranty* ->string make-repl puts repl-compile repl-debug repl-default-option-set!
    repl-default-prompt-set! repl-eval repl-expand repl-gc-stats repl-language repl-optimize
    repl-optimize-cps repl-option-ref repl-option-set! repl-options repl-parse repl-prepare-eval-thunk
    repl-print repl-prompt repl-read repl-tm-stats repl-welcome user-error`,
  'system vm vm': `
    call-with-stack-overflow-handler call-with-vm set-default-vm-engine! set-vm-engine! set-vm-trace-level!
    vm-add-abort-hook! vm-add-apply-hook! vm-add-next-hook! vm-add-return-hook! vm-engine
    vm-remove-abort-hook! vm-remove-apply-hook! vm-remove-next-hook! vm-remove-return-hook! vm-trace-level`,
  'system vm debug': `
    arity-allow-other-keys? arity-arguments-alist arity-code arity-definitions arity-has-closure?
    arity-has-keyword-args? arity-has-rest? arity-high-pc arity-is-case-lambda? arity-keyword-args
    arity-low-pc arity-nlocals arity-nopt arity-nreq arity? debug-context-base debug-context-from-image
    debug-context-image debug-context-length debug-context-text-base find-debug-context find-program-arities
    find-program-arity find-program-debug-info find-program-docstring find-program-minimum-arity
    find-program-properties find-program-sources find-source-for-addr fold-all-debug-contexts
    fold-source-locations for-each-elf-symbol program-debug-info-addr program-debug-info-context
    program-debug-info-image program-debug-info-name program-debug-info-offset program-debug-info-size
    program-debug-info-u32-offset program-debug-info-u32-offset-end source-column source-file source-line
    source-line-for-user source-post-pc source-pre-pc source?`,
  'system vm frame': `
    binding-index binding-name binding-ref binding-representation binding-set! binding-slot frame-bindings
    frame-call-representation frame-environment frame-lookup-binding frame-object-binding frame-object-name
    frame-return-values`,
  'system vm trace': `
    call-with-trace trace-calls-in-procedure trace-calls-to-procedure trace-instructions-in-procedure`,
  'system vm inspect': `
    inspect`,
  'system xref': `
    *xref-ignored-modules* procedure-callees procedure-callers source-closures source-procedures`,
  'web server': `
    close-server define-server-impl handle-request lookup-server-impl make-server-impl open-server
    read-client run-server sanitize-response serve-one-client server-impl-close server-impl-name
    server-impl-open server-impl-read server-impl-write server-impl? write-client`,
  statprof: `
    gcprof statprof statprof-accumulated-time statprof-active? statprof-call-data->stats
    statprof-call-data-calls statprof-call-data-cum-samples statprof-call-data-name
    statprof-call-data-self-samples statprof-display statprof-display-anomalies statprof-fetch-call-tree
    statprof-fetch-stacks statprof-fold-call-data statprof-proc-call-data statprof-reset
    statprof-sample-count statprof-start statprof-stats-%-time-in-proc statprof-stats-calls
    statprof-stats-cum-secs-in-proc statprof-stats-cum-secs-per-call statprof-stats-proc-name
    statprof-stats-proc-source statprof-stats-self-secs-in-proc statprof-stats-self-secs-per-call
    statprof-stop`,
  'ice-9 local-eval': `
    local-compile local-eval the-environment`,
  'ice-9 peg': `
    compile-peg-pattern context-flatten define-peg-pattern define-peg-string-patterns keyword-flatten
    match-pattern peg-record? peg:end peg:start peg:string peg:substring peg:tree search-for-pattern`,
  'ice-9 futures': `
    future future? make-future touch`,
  'ice-9 expect': `
    expect expect-char-proc expect-eof-proc expect-port expect-regexec expect-select expect-strings
    expect-strings-compile-flags expect-strings-exec-flags expect-timeout expect-timeout-proc`,
  'ice-9 sandbox': `
    alist-bindings all-pure-and-impure-bindings all-pure-bindings array-bindings bit-bindings
    bitvector-bindings call-with-allocation-limit call-with-time-and-allocation-limits call-with-time-limit
    char-bindings char-set-bindings clock-bindings core-bindings error-bindings eval-in-sandbox
    fluid-bindings hash-bindings iteration-bindings keyword-bindings list-bindings macro-bindings
    make-sandbox-module mutating-alist-bindings mutating-array-bindings mutating-bitvector-bindings
    mutating-fluid-bindings mutating-hash-bindings mutating-list-bindings mutating-pair-bindings
    mutating-sort-bindings mutating-srfi-4-bindings mutating-string-bindings mutating-variable-bindings
    mutating-vector-bindings nil-bindings number-bindings pair-bindings predicate-bindings
    procedure-bindings promise-bindings prompt-bindings regexp-bindings sort-bindings srfi-4-bindings
    string-bindings symbol-bindings unspecified-bindings variable-bindings vector-bindings version-bindings`,
};

/** Makes them known to a session. */
export function registerAbsent(session: Session): void {
  for (const [label, names] of Object.entries(absent)) {
    session.addBuilder(label, (_, module) => {
      const d = new Definer(session, module);
      for (const name of names.trim().split(/\s+/)) {
        // Settings are fluids, which programs bind without more ado.
        if (/^\*.+\*$/.test(name)) {
          d.value(name, new Fluid(false));
          continue;
        }
        d.pure(name, 0, MANY, () => {
          throw unsupported(`${name} of module (${label})`);
        });
      }
    });
  }
}
