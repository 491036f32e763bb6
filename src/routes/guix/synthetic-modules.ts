// Modules of Guix that have no text here: package modules, whose variables are found in the Debian channel by name, and
// build systems that the channel does not need.
const buildSystem = /^guix\/build-system\/([a-z0-9-]+)\.scm$/;
const packageModule = /^gnu\/packages\/([a-z0-9-]+)\.scm$/;

/** The text of a module by its path on the load path, or undefined when there is none. */
export function syntheticModule(path: string): string | undefined {
  const system = buildSystem.exec(path)?.[1];
  if (system !== undefined) return unsupportedBuildSystem(system);
  const packages = packageModule.exec(path)?.[1];
  return packages === undefined ? undefined : channelPackages(packages);
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
