// Modules of Guix that have no text here: package modules, whose variables are found in the Debian channel by name, and
// build systems that the channel does not need.
const buildSystem = /^guix\/build-system\/([a-z0-9-]+)\.scm$/;
const guixModule = /^(?:guix|gnu)\/[a-z0-9/-]+\.scm$/;
const packageModule = /^gnu\/packages\/([a-z0-9-]+)\.scm$/;

/** The text of a module by its path on the load path, or undefined when there is none. */
export function syntheticModule(path: string): string | undefined {
  const system = buildSystem.exec(path)?.[1];
  if (system !== undefined) return unsupportedBuildSystem(system);
  const packages = packageModule.exec(path)?.[1];
  if (packages !== undefined) return channelPackages(packages);
  if (path === 'guix/transformations.scm') return transformations;
  return guixModule.test(path) ? unsupportedModule(path) : undefined;
}

/** Names are looked up when Debian packages are asked for, so there is nothing that could be rewritten. */
const transformations = `(define-module (guix transformations)
  #:use-module (trimaran guix) #:use-module (ice-9 match)
  #:export (options->transformation manifest-entry-with-transformations))
(define (options->transformation options)
  (match options
    (() (lambda (object) object))
    (((name . value) . _)
     (%fail "unsupported-transformation"
            (string-append "the transformation \`" (symbol->string name) "' is not supported on the Debian channel")
            "choose another version of the package by its name, or write a package of your own"))))
(define (manifest-entry-with-transformations entry) entry)
`;

function unsupportedModule(path: string): string {
  const name = path.replace(/\.scm$/, '').replaceAll('/', ' ');
  return `(define-module (${name}) #:use-module (trimaran guix))
(%fail "unsupported-module"
       "the module (${name}) of Guix is not there on the Debian channel"
       "docs/guix.md lists the modules that recipes may use")
`;
}

function unsupportedBuildSystem(name: string): string {
  return `(define-module (guix build-system ${name})
  #:use-module (guix build-system) #:use-module (trimaran guix)
  #:export (${name}-build-system))
(define ${name}-build-system
  (build-system
   (name '${name})
   (description "Not supported")
   (lower (lambda (name . _)
            (%fail "unsupported-build-system"
                   (string-append name ": ${name}-build-system is not supported on the Debian channel")
                   "use the Debian package of the same program, copy-build-system or trivial-build-system")))))
`;
}

function channelPackages(name: string): string {
  return `(define-module (gnu packages ${name})
  #:use-module (gnu packages) #:use-module (trimaran guix))
(%find-variables! (module-public-interface (current-module)) specification->package)
`;
}
